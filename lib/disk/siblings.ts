import { nameOf, parentOf, type RelativePath } from '../core/model/path.js'

/** Paths that follow one another and lie in the same directory. */
export interface Siblings {
  /** undefined: the root. */
  readonly parent: RelativePath | undefined
  readonly names: readonly string[]
}

/** Parts a list of paths into runs of siblings, in order: the directory of each run has to be opened once only. */
export function* siblingsIn(paths: readonly RelativePath[]): Generator<Siblings> {
  let parent: RelativePath | undefined
  let names: string[] = []
  for (const path of paths) {
    const next = parentOf(path)
    if (names.length > 0 && next !== parent) {
      yield { parent, names }
      names = []
    }
    parent = next
    names.push(nameOf(path))
  }
  if (names.length > 0) yield { parent, names }
}
