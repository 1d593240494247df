import type { CommandWords, OptionWord } from './words.js'

const OFFER = {
  folder: ` -f -a '(command backer completion --folders 2>/dev/null)'`,
  directory: ` -f -a '(__fish_complete_directories)'`,
  file: ' -F',
  none: ' -f'
} as const

/** A script for fish: `backer completion fish | source`. */
export function fishScript(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ names, description }) =>
    names.map(name => `complete -c backer -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`)
  )
  return [
    '# Completion of backer for fish, made by: backer completion fish',
    ...lines,
    ...commands.flatMap(command => linesOf(command, `__fish_seen_subcommand_from ${command.names.join(' ')}`)),
    ''
  ].join('\n')
}

function linesOf({ options, kind, choices, below }: CommandWords, seen: string): string[] {
  const words = below.flatMap(one => one.names)
  const here = words.length === 0 ? seen : `${seen}; and not __fish_seen_subcommand_from ${words.join(' ')}`
  return [
    ...below.flatMap(({ names, description }) =>
      names.map(name => line(here, ` -f -a ${name} -d ${quoted(description)}`))
    ),
    ...choices.map(choice => line(here, ` -f -a ${choice}`)),
    line(here, OFFER[kind]),
    ...options.map(option => line(here, optionLine(option))),
    ...below.flatMap(one => linesOf(one, `${seen}; and __fish_seen_subcommand_from ${one.names.join(' ')}`))
  ]
}

function line(condition: string, what: string): string {
  return `complete -c backer -n ${quoted(condition)}${what}`
}

function optionLine({ word, description, value }: OptionWord): string {
  const name = ` -l ${word.replace(/^--/, '')} -d ${quoted(description)}`
  if (value === undefined) return name
  if (value.choices.length > 0) return `${name} -x -a ${quoted(value.choices.join(' '))}`
  return `${name} -r${OFFER[value.kind]}`
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
