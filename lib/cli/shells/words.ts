import type { Argument, Command, Option } from 'commander'

/** What may stand where an argument is expected. */
export type Kind = 'folder' | 'directory' | 'file' | 'none'

/** One option: `--role`, with what it may be set to. */
export interface OptionWord {
  readonly word: string
  readonly description: string
  /** It is followed by a value: one of `choices`, or whatever `kind` says where there are none. */
  readonly value: { readonly choices: readonly string[]; readonly kind: Kind } | undefined
}

/** One command with what may follow it. */
export interface CommandWords {
  /** Its name, then its other names. */
  readonly names: readonly string[]
  readonly description: string
  readonly options: readonly OptionWord[]
  readonly kind: Kind
  /** Words that its first argument may be. */
  readonly choices: readonly string[]
  readonly below: readonly CommandWords[]
}

/** What a shell can offer to complete a command line of `program` with. */
export function wordsOf(program: Command): readonly CommandWords[] {
  const everywhere = optionsOf(program)
  return program.commands.filter(isShown).map(command => describe(command, everywhere))
}

function describe(command: Command, everywhere: readonly OptionWord[]): CommandWords {
  const [argument] = command.registeredArguments
  return {
    names: [command.name(), ...command.aliases()],
    description: command.description(),
    options: [...optionsOf(command), ...everywhere],
    kind: kindOf(argument),
    choices: argument?.argChoices ?? literalsIn(argument?.name() ?? ''),
    below: command.commands.filter(isShown).map(one => describe(one, everywhere))
  }
}

/** Commander has no public word for what `{ hidden: true }` says; what is hidden has no description. */
function isShown(command: Command): boolean {
  return command.description() !== ''
}

function optionsOf(command: Command): readonly OptionWord[] {
  return command.options.flatMap(option => {
    const { long, description } = option
    return long === undefined ? [] : [{ word: long, description, value: valueOf(option) }]
  })
}

function valueOf({ required, optional, argChoices, flags }: Option): OptionWord['value'] {
  if (!required && !optional) return undefined
  return { choices: argChoices ?? literalsIn(/<(.*)>/.exec(flags)?.[1] ?? ''), kind: namedKind(flags) }
}

function kindOf(argument: Argument | undefined): Kind {
  return argument === undefined ? 'none' : namedKind(argument.name())
}

/** What the help has in small letters is to be written as it stands: `accept|reject`. */
function literalsIn(name: string): readonly string[] {
  return /^[a-z|]+$/.test(name) ? name.split('|') : []
}

/** By the words that the help uses: `FOLDER`, `DIR`, `PATH`. */
function namedKind(name: string): Kind {
  if (/FOLDER/.test(name)) return 'folder'
  if (/DIR/.test(name)) return 'directory'
  return /PATH|FILE|KEY/.test(name) ? 'file' : 'none'
}
