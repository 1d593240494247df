import { PROBLEMS_MAX, type Problem } from './status.js'

const KEPT_MAX = 10_000
/** Problems of what lies on the disk: they are over when it lies there no more. */
const SEEN_ON_DISK: ReadonlySet<string> = new Set([
  'special-file',
  'bad-name',
  'unreadable',
  'changing',
  'too-deep',
  'damaged'
])

/** What is wrong in a folder right now, by item. Told once when it arises, forgotten when it is over. */
export class Problems {
  readonly #items = new Map<string, Problem>()
  readonly #onproblem: (problem: Problem) => void

  constructor(onproblem: (problem: Problem) => void) {
    this.#onproblem = onproblem
  }

  get count(): number {
    return this.#items.size
  }

  /** Notes a problem of an item (or of a peer, or of the folder); the same one again is not told again. */
  set(problem: Problem): void {
    const key = keyOf(problem.path, problem.peer)
    const known = this.#items.get(key)
    if (known?.code === problem.code && known.message === problem.message) return
    if (known === undefined && this.#items.size >= KEPT_MAX) return
    this.#items.set(key, problem)
    this.#onproblem(problem)
  }

  /** Notes a problem that need not be told: what has brought it about was. */
  note(problem: Problem): void {
    const key = keyOf(problem.path, problem.peer)
    if (this.#items.has(key) || this.#items.size < KEPT_MAX) this.#items.set(key, problem)
  }

  /** A device is there that some items waited for: what is still wanted of it shows anew. */
  clearWaitingFor(peer: string): void {
    for (const [key, problem] of this.#items)
      if (problem.code === 'no-source' && problem.path !== undefined && problem.peer === peer) this.#items.delete(key)
  }

  /** Items of `paths` wait for a device that is not there, under this name; others do not any more. It need not be told. */
  waitFor(peer: string, paths: ReadonlySet<string>, name: string): void {
    for (const [key, { path, code, peer: source }] of this.#items)
      if (code === 'no-source' && source === peer && path !== undefined && !paths.has(path)) this.#items.delete(key)
    for (const path of paths)
      if (this.get(path) === undefined) this.note({ path, peer, code: 'no-source', message: `source offline: ${name}` })
  }

  clear(path: string): void {
    if (this.#items.size === 0) return
    this.#items.delete(keyOf(path, undefined))
  }

  /** What is wrong with the folder as a whole is over. */
  clearFolder(): void {
    this.#items.delete(keyOf(undefined, undefined))
  }

  clearPeer(peer: string): void {
    this.#items.delete(keyOf(undefined, peer))
  }

  get(path: string): Problem | undefined {
    return this.#items.get(keyOf(path, undefined))
  }

  /** True where something that lies directly in a directory ('' for the root) has a problem that is over when it lies there no more. */
  hasAnyIn(directory: string): boolean {
    return this.#items.size > 0 && !this.#seenIn(directory).next().done
  }

  /** The names of what lies directly in a directory ('' for the root) and could not be read when it was looked at last, or something below it could not. */
  unreadableIn(directory: string): ReadonlySet<string> {
    const prefix = directory === '' ? '' : `${directory}/`
    const names = new Set<string>()
    for (const { path, code } of this.#items.values()) {
      if (code !== 'unreadable' || path?.startsWith(prefix) !== true) continue
      const [name = ''] = path.slice(prefix.length).split('/', 1)
      names.add(name)
    }
    return names
  }

  /** Forgets the problems of items that lie directly in a directory and are not in `names` any more. */
  keepOnly(directory: string, names: ReadonlySet<string>): void {
    for (const [key, name] of this.#seenIn(directory)) if (!names.has(name)) this.#items.delete(key)
  }

  *#seenIn(directory: string): Generator<readonly [key: string, name: string], void> {
    const prefix = directory === '' ? '' : `${directory}/`
    for (const [key, { path, code }] of this.#items) {
      if (path?.startsWith(prefix) !== true || path === '.' || !SEEN_ON_DISK.has(code)) continue
      const name = path.slice(prefix.length)
      if (!name.includes('/')) yield [key, name]
    }
  }

  /** Sorted by path, at most PROBLEMS_MAX. */
  list(): readonly Problem[] {
    return [...this.#items.values()].sort((a, b) => compare(a.path ?? '', b.path ?? '')).slice(0, PROBLEMS_MAX)
  }
}

function keyOf(path: string | undefined, peer: string | undefined): string {
  return path !== undefined ? `item:${path}` : peer !== undefined ? `peer:${peer}` : 'folder'
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
