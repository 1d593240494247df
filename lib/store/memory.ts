import { ChunkList } from '../core/chunk/content-tree.js'
import { BackerError } from '../core/error.js'
import { hashesEqual, hashFromKey, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { KnownItem } from '../core/model/known-items.js'
import { comparePaths, nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import { payloadOf } from '../core/model/record.js'
import { REPLICA_BYTES, replicaFromBytes, type ReplicaId } from '../core/model/version.js'
import { EMPTY_NODE, EMPTY_ROOT } from '../core/tree/node.js'
import { spanOf, type Span } from '../core/span.js'
import { nodeHashes } from '../core/tree/read.js'
import type { Runtime } from '../runtime.js'
import { encodeEntry, findStampToExpect } from './layout.js'
import { ROOTS_KNOWN, type Commit, type Entry, type Place, type Store, type StoredHead } from './store.js'

/** What is on the disk of an index in memory: it outlives the store that is opened over it, as a file does, and can be copied and put back. */
export class MemoryIndex {
  replica: ReplicaId | undefined
  root: Hash = EMPTY_ROOT
  lacks: Hash = EMPTY_ROOT
  sequence = 0
  isCondemned = false
  /** By the number of their commit, as far as they are known. */
  readonly roots = new Map<number, Hash>()
  readonly entries = new Map<RelativePath, Entry>()
  readonly nodes = new Map<string, Uint8Array>()
  readonly chunkLists = new Map<string, Uint8Array>()
  readonly heads = new Map<string, Uint8Array>()
  readonly facts = new Map<string, Uint8Array>()

  /** The index as it is now. Rows are never changed in place, so that they are shared. */
  copy(): MemoryIndex {
    const copy = new MemoryIndex()
    copy.replica = this.replica
    copy.root = this.root
    copy.lacks = this.lacks
    copy.sequence = this.sequence
    copy.isCondemned = this.isCondemned
    for (const table of ['roots', 'entries', 'nodes', 'chunkLists', 'heads', 'facts'] as const)
      for (const [key, value] of this[table]) (copy[table] as Map<unknown, unknown>).set(key, value)
    return copy
  }
}

/**
 * A folder's index in memory: for simulations, and for what needs no durable one. A write becomes visible and durable at once, in a later turn of the
 * event loop than it was asked for; what was not carried out when the store is closed never is.
 */
export class MemoryStore implements Store {
  readonly replica: ReplicaId
  readonly fresh: boolean
  /** Never told: memory does not fail. */
  onfailure: (error: BackerError) => void = () => undefined
  readonly #index: MemoryIndex
  readonly #breathe: () => Promise<void>
  readonly #notedHeads = new Map<string, Uint8Array>()
  /** Each directory's children in order, as far as they were asked for since the last commit. */
  readonly #children = new Map<RelativePath | undefined, readonly (readonly [RelativePath, Entry])[]>()
  #childrenAt = -1
  #closed = false

  constructor(index: MemoryIndex, { random, timers }: Pick<Runtime, 'random' | 'timers'>) {
    this.#index = index
    this.#breathe = () => timers.breathe()
    this.fresh = index.replica === undefined
    this.replica = index.replica ??= replicaFromBytes(random.bytes(REPLICA_BYTES))
  }

  get root(): Hash {
    return this.#index.root
  }

  get lacks(): Hash {
    return this.#index.lacks
  }

  get sequence(): number {
    return this.#index.sequence
  }

  get(path: RelativePath): Entry | undefined {
    return this.#index.entries.get(path)
  }

  children(directory: RelativePath | undefined): Iterable<readonly [RelativePath, Entry]> {
    if (this.#childrenAt !== this.#index.sequence) this.#children.clear()
    this.#childrenAt = this.#index.sequence
    const known = this.#children.get(directory) ?? this.#sorted(path => parentOf(path) === directory)
    this.#children.set(directory, known)
    return known
  }

  *known(directory: RelativePath | undefined): Iterable<KnownItem> {
    for (const [path, entry] of this.children(directory)) {
      const stamp = expectedStamp(entry)
      if (stamp !== undefined) yield { name: spanOf(Buffer.from(nameOf(path))), stamp }
    }
  }

  below(directory: RelativePath | undefined): Iterable<readonly [RelativePath, Entry]> {
    return this.#sorted(path => directory === undefined || path.startsWith(`${directory}/`))
  }

  page(after: RelativePath | undefined, limit: number): readonly (readonly [RelativePath, Entry])[] {
    return this.#sorted(path => after === undefined || comparePaths(path, after) > 0).slice(0, limit)
  }

  #sorted(belongs: (path: RelativePath) => boolean): (readonly [RelativePath, Entry])[] {
    return [...this.#index.entries].filter(([path]) => belongs(path)).sort(([a], [b]) => comparePaths(a, b))
  }

  node(hash: Hash): Uint8Array | undefined {
    return hashesEqual(hash, EMPTY_ROOT) ? EMPTY_NODE : this.#index.nodes.get(hashKey(hash))
  }

  putNodes(nodes: ReadonlyMap<string, Uint8Array>): Promise<void> {
    return this.#write(index => addAll(index.nodes, nodes))
  }

  chunkList(root: Hash): Uint8Array | undefined {
    return this.#index.chunkLists.get(hashKey(root))
  }

  pathsWithContent(root: Hash, limit: number): readonly RelativePath[] {
    const paths: RelativePath[] = []
    for (const [path, { record, lack }] of this.#index.entries) {
      if (lack?.kind === 'dropped') continue
      const payload = payloadOf(record)
      if (paths.length < limit && payload.kind === 'file' && hashesEqual(payload.content.root, root)) paths.push(path)
    }
    return paths
  }

  places(chunk: Hash, limit: number): readonly Place[] {
    const places: Place[] = []
    for (const path of this.pathsWithContent(chunk, limit)) {
      const payload = payloadOf(this.#index.entries.get(path)?.record ?? unreachable())
      if (payload.kind === 'file') places.push({ path, offset: 0, length: payload.size })
    }
    for (const [key, bytes] of this.#index.chunkLists) {
      const list = new ChunkList(bytes)
      for (let i = 0; i < list.count; i++) {
        if (places.length >= limit) return places.slice(0, limit)
        if (!hashesEqual(list.hash(i), chunk)) continue
        for (const path of this.pathsWithContent(hashFromKey(key as HashKey), limit))
          places.push({ path, offset: list.offsetOf(i), length: list.length(i) })
      }
    }
    return places.slice(0, limit)
  }

  commit({ entries, root, lacks, nodes, chunkLists }: Commit): Promise<void> {
    return this.#write(index => {
      addAll(index.nodes, nodes)
      addAll(index.chunkLists, chunkLists)
      for (const { path, entry } of entries) {
        if (entry === undefined) index.entries.delete(path)
        else index.entries.set(path, entry)
      }
      this.#keepHeads(index)
      index.root = root
      index.lacks = lacks
      index.roots.set(++index.sequence, root)
      index.roots.delete(index.sequence - ROOTS_KNOWN)
    })
  }

  rootAt(sequence: number): Hash | undefined {
    return this.#index.roots.get(sequence)
  }

  condemn(): Promise<void> {
    return this.#write(index => void (index.isCondemned = true))
  }

  noteHead({ writer, bytes }: StoredHead): void {
    this.#notedHeads.set(writer, Uint8Array.from(bytes))
  }

  async saveHeads(): Promise<void> {
    if (this.#notedHeads.size > 0) await this.#write(index => this.#keepHeads(index))
  }

  #keepHeads(index: MemoryIndex): void {
    for (const [writer, bytes] of this.#notedHeads) index.heads.set(writer, bytes)
    this.#notedHeads.clear()
  }

  heads(): readonly StoredHead[] {
    return [...this.#index.heads]
      .map(([writer, bytes]) => ({ writer, bytes }))
      .sort((a, b) => (a.writer < b.writer ? -1 : 1))
  }

  getFact(name: string): Uint8Array | undefined {
    return this.#index.facts.get(name)
  }

  putFact(name: string, value: Uint8Array | undefined): Promise<void> {
    return this.#write(index => {
      if (value === undefined) index.facts.delete(name)
      else index.facts.set(name, Uint8Array.from(value))
    })
  }

  async collect(roots: readonly Hash[]): Promise<{ readonly nodes: number; readonly chunkLists: number }> {
    const dropped = { nodes: 0, chunkLists: 0 }
    await this.#write(index => {
      const reached = new Set([index.root, index.lacks, ...roots].flatMap(root => [...this.#reach(root)]))
      for (const key of [...index.nodes.keys()]) if (!reached.has(key) && index.nodes.delete(key)) dropped.nodes++
      for (const key of [...index.chunkLists.keys()])
        if (this.pathsWithContent(hashFromKey(key as HashKey), 1).length === 0 && index.chunkLists.delete(key))
          dropped.chunkLists++
    })
    return dropped
  }

  *#reach(root: Hash): Iterable<string> {
    try {
      for (const hash of nodeHashes(one => this.node(one), root)) yield hashKey(hash)
    } catch (error) {
      // A peer's tree that is only half here: what is missing will be asked for again.
      if (!(error instanceof BackerError)) throw error
    }
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  async #write(act: (index: MemoryIndex) => void): Promise<void> {
    this.#mustBeOpen()
    await this.#breathe()
    this.#mustBeOpen()
    act(this.#index)
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new BackerError('STORE_CLOSED', 'the index is closed')
  }
}

/** What is to be expected of each entry: entries never change. */
const expectedStamps = new WeakMap<Entry, { readonly stamp: Span | undefined }>()

function expectedStamp(entry: Entry): Span | undefined {
  const known = expectedStamps.get(entry) ?? { stamp: findExpectedStamp(entry) }
  expectedStamps.set(entry, known)
  return known.stamp
}

function findExpectedStamp(entry: Entry): Span | undefined {
  const stamp = spanOf(new Uint8Array(0))
  return findStampToExpect(spanOf(encodeEntry(entry)), stamp) ? stamp : undefined
}

function addAll(to: Map<string, Uint8Array>, from: ReadonlyMap<string, Uint8Array>): void {
  for (const [key, bytes] of from) to.set(key, Uint8Array.from(bytes))
}

function unreachable(): never {
  throw new BackerError('STORE_CORRUPT', 'a path has a content and no entry')
}
