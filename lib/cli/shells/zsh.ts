import type { CommandWords, OptionWord } from './words.js'

const FILES = { folder: '_backer_folders', directory: '_files -/', file: '_files', none: '' } as const

/** A script for zsh: `source <(backer completion zsh)`, or a file `_backer` in `$fpath`. */
export function zshScript(commands: readonly CommandWords[]): string {
  return `#compdef backer
# Completion of backer for zsh, made by: backer completion zsh
_backer_folders() {
  local -a folders
  folders=("\${(@f)$(command backer completion --folders 2>/dev/null)}")
  compadd -a folders
}
_backer() {
  local command="" below="" word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ $word == -* ]]; then continue; fi
    if [[ -z $command ]]; then command=$word; elif [[ -z $below ]]; then below=$word; fi
  done
  case "$command $below \${words[CURRENT-1]}" in
${commands.flatMap(command => valueCases(command)).join('\n')}
  esac
  case "$command $below" in
${commands.flatMap(command => casesOf(command)).join('\n')}
    " ")
      found=(${commands.flatMap(({ names, description }) => names.map(name => item(name, description))).join(' ')})
      _describe command found
      ;;
  esac
}
if [[ $funcstack[1] == _backer ]]; then _backer "$@"; else compdef _backer backer; fi
`
}

function casesOf({ names, options, kind, choices, below }: CommandWords, above = ''): string[] {
  const patterns = names.map(name => (above === '' ? `"${name} "*` : `"${above} ${name}"`)).join('|')
  const words = [
    ...choices.map(word => item(word, '')),
    ...below.flatMap(one => one.names.map(name => item(name, one.description)))
  ]
  const lines = [
    `    ${patterns})`,
    `      if [[ $PREFIX == -* ]]; then`,
    `        found=(${options.map(({ word, description }) => item(word, description)).join(' ')})`,
    `        _describe option found`,
    `        return`,
    `      fi`,
    ...(words.length === 0 ? [] : [`      found=(${words.join(' ')})`, `      _describe word found`]),
    ...(FILES[kind] === '' ? [] : [`      ${FILES[kind]}`]),
    `      ;;`
  ]
  return [...below.flatMap(one => names.flatMap(name => casesOf(one, name))), lines.join('\n')]
}

/** What may follow an option that takes a value. */
function valueCases({ names, options, below }: CommandWords, above = ''): string[] {
  const own = options.flatMap(({ word, value }) =>
    value === undefined
      ? []
      : names.map(
          name => `    "${above === '' ? `${name} ` : `${above} ${name}`}"*" ${word}") ${offer(value)}; return ;;`
        )
  )
  return [...below.flatMap(one => names.flatMap(name => valueCases(one, name))), ...own]
}

function offer({ choices, kind }: NonNullable<OptionWord['value']>): string {
  if (choices.length > 0) return `compadd -- ${choices.join(' ')}`
  return FILES[kind] === '' ? `_message value` : FILES[kind]
}

/** A word with what it means, quoted for the shell. */
function item(word: string, description: string): string {
  const text = `${word.replaceAll(':', '\\:')}${description === '' ? '' : `:${description}`}`
  return `'${text.replaceAll("'", "'\\''")}'`
}
