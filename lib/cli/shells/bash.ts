import type { CommandWords, Kind, OptionWord } from './words.js'

/** A script for bash, 3.2 or later: `source <(backer completion bash)`. */
export function bashScript(commands: readonly CommandWords[]): string {
  const options = new Map(commands.flatMap(allOptions).map(option => [option.word, option]))
  const valued = [...options.values()].filter(({ value }) => value !== undefined)
  return `# Completion of backer for bash, made by: backer completion bash
_backer() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="" below="" words="" options="" kind="none" i name IFS=$' \\t\\n'
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) ;;
      *) if [[ -z $command ]]; then command="\${COMP_WORDS[i]}"; elif [[ -z $below ]]; then below="\${COMP_WORDS[i]}"; fi ;;
    esac
  done
  case "$command $below" in
${commands.flatMap(command => casesOf(command)).join('\n')}
    " ") words="${commands.flatMap(({ names }) => names).join(' ')}"; options="--help --version" ;;
  esac
  case "$previous" in
${valued.map(valueCase).join('\n')}
  esac
  COMPREPLY=()
  if [[ $current == -* ]]; then words="$options"; kind="none"; fi
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -W "$words" -- "$current")
  case "$kind" in
    folder)
      while IFS= read -r name; do
        if [[ $name == "$current"* ]]; then COMPREPLY+=("$(printf '%q' "$name")"); fi
      done < <(command backer completion --folders 2>/dev/null)
      ;;
    directory) while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -d -- "$current") ;;
    file) while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$current") ;;
  esac
  if [[ $kind == directory || $kind == file ]]; then compopt -o filenames 2>/dev/null; fi
}
complete -F _backer backer
`
}

function allOptions(command: CommandWords): readonly OptionWord[] {
  return [...command.options, ...command.below.flatMap(allOptions)]
}

/** What stands below a command comes before the command itself: the first pattern that fits counts. */
function casesOf({ names, options, kind, choices, below }: CommandWords, above = ''): string[] {
  const patterns = names.map(name => (above === '' ? `"${name} "*` : `"${above} ${name}"`)).join('|')
  const words = [...choices, ...below.flatMap(one => one.names)].join(' ')
  const line = `    ${patterns}) words="${words}"; options="${options.map(({ word }) => word).join(' ')}"; kind="${kind}" ;;`
  return [...below.flatMap(one => names.flatMap(name => casesOf(one, name))), line]
}

function valueCase({ word, value = { choices: [], kind: 'none' } }: OptionWord): string {
  return `    ${word}) words="${value.choices.join(' ')}"; options=""; kind="${value.choices.length > 0 ? ('none' satisfies Kind) : value.kind}" ;;`
}
