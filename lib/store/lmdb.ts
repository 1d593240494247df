import { BackerError, isBackerError } from '../core/error.js'
import { asHash, hashBytes, hashesEqual, hashFromKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { KnownItem } from '../core/model/known-items.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, type Content } from '../core/model/record.js'
import { REPLICA_BYTES, replicaFromBytes, type ReplicaId } from '../core/model/version.js'
import { EMPTY_NODE, EMPTY_ROOT } from '../core/tree/node.js'
import type { Random } from '../runtime.js'
import { ChunkLists } from './chunk-lists.js'
import * as layout from './layout.js'
import { childrenOf, entriesBehind, entriesBelow, knownIn } from './listing.js'
import {
  ROOTS_KNOWN,
  type Commit,
  type Entry,
  type EntryChange,
  type Place,
  type Store,
  type StoredHead
} from './store.js'
import { Sweep } from './sweep.js'
import { write, type Batch } from './rows.js'
import type { Tables } from './tables.js'

/** Of how many paths it is kept in mind that the index has nothing of them. */
const ABSENT_MAX = 8192

/** A folder's index in an LMDB environment: one that may be believed (see open-index.ts). */
export class LmdbStore implements Store {
  readonly replica: ReplicaId
  readonly fresh: boolean
  readonly #tables: Tables
  readonly #chunkLists: ChunkLists
  readonly #sweep: Sweep
  #root: Hash
  #lacks: Hash
  #sequence: number
  #openings: number
  /** Paths that the index has nothing of: of a new file that is asked about a dozen times until it is there. */
  readonly #absent = new Set<RelativePath>()
  readonly #notedHeads = new Map<string, Uint8Array>()
  /** What is done once the file is closed; `isSound` where nothing was found wrong with it. */
  onclosed: (isSound: boolean) => Promise<void> = () => Promise.resolve()

  private constructor(tables: Tables, random: Random) {
    this.#tables = tables
    this.#chunkLists = new ChunkLists(tables, (root, limit) => this.pathsWithContent(root, limit))
    this.#sweep = new Sweep(tables, this)
    const replica = this.#metaValue('replica')
    this.fresh = replica === undefined
    this.replica = replicaFromBytes(replica ?? random.bytes(REPLICA_BYTES))
    const root = this.#metaValue('root')
    this.#root = root === undefined ? EMPTY_ROOT : asHash(root)
    const lacks = this.#metaValue('lacks')
    this.#lacks = lacks === undefined ? EMPTY_ROOT : asHash(lacks)
    this.#sequence = Number(this.#metaValue('sequence')?.toString() ?? 0)
    this.#openings = Number(this.#metaValue('openings')?.toString() ?? 0)
  }

  /** Throws STORE_CORRUPT where its format is another one, or what it says of itself does not fit together. */
  static async over(tables: Tables, random: Random): Promise<LmdbStore> {
    const store = new LmdbStore(tables, random)
    await store.#check()
    return store
  }

  async #check(): Promise<void> {
    const { meta } = this.#tables
    if (this.fresh) {
      return this.#write(batch => {
        batch.put(meta, metaKey('format'), Buffer.from(String(layout.FORMAT)))
        batch.put(meta, metaKey('replica'), Buffer.from(this.replica, 'hex'))
      })
    }
    if (this.#metaValue('format')?.toString() !== String(layout.FORMAT))
      throw new BackerError('STORE_CORRUPT', 'the index has another format')
    const node = this.node(this.#root)
    if (node === undefined || !hashesEqual(hashBytes(node), this.#root))
      throw new BackerError('STORE_CORRUPT', 'the index has no root')
  }

  /** How often the index was opened. */
  get openings(): number {
    return this.#openings
  }

  /** Counts this opening, durably. */
  async countOpening(): Promise<void> {
    const openings = Buffer.from(String(this.#openings + 1))
    await this.#write(batch => batch.put(this.#tables.meta, metaKey('openings'), openings))
    this.#openings++
  }

  set onfailure(told: (error: BackerError) => void) {
    this.#tables.state.onfailure = told
  }

  get onfailure(): (error: BackerError) => void {
    return this.#tables.state.onfailure
  }

  get root(): Hash {
    return this.#root
  }

  get lacks(): Hash {
    return this.#lacks
  }

  get sequence(): number {
    return this.#sequence
  }

  get(path: RelativePath): Entry | undefined {
    if (this.#absent.has(path)) return undefined
    const entry = this.#read(path)
    if (entry !== undefined) return entry
    if (this.#absent.size >= ABSENT_MAX) this.#absent.clear()
    this.#absent.add(path)
    return undefined
  }

  #read(path: RelativePath): Entry | undefined {
    const key = layout.pathKey(path)
    if (key === undefined) {
      const bytes = this.#tables.longEntries.get(hashBytes(Buffer.from(path)))
      return bytes === undefined ? undefined : layout.decodeLongEntry(bytes)[1]
    }
    return this.#tables.entries.read(key, layout.decodeEntry)
  }

  children(directory: RelativePath | undefined): Iterable<readonly [RelativePath, Entry]> {
    return childrenOf(this.#tables, directory)
  }

  known(directory: RelativePath | undefined): Iterable<KnownItem> {
    return knownIn(this.#tables, directory)
  }

  below(directory: RelativePath | undefined): Iterable<readonly [RelativePath, Entry]> {
    return entriesBelow(this.#tables, directory)
  }

  page(after: RelativePath | undefined, limit: number): readonly (readonly [RelativePath, Entry])[] {
    return entriesBehind(this.#tables, after, limit)
  }

  node(hash: Hash): Uint8Array | undefined {
    return hashesEqual(hash, EMPTY_ROOT) ? EMPTY_NODE : this.#tables.nodes.get(hash)
  }

  putNodes(nodes: ReadonlyMap<string, Uint8Array>): Promise<void> {
    return this.#write(batch => this.#putNodes(batch, nodes))
  }

  #putNodes(batch: Batch, nodes: ReadonlyMap<string, Uint8Array>): void {
    for (const [key, bytes] of nodes) {
      this.#sweep.noteNode(key)
      batch.put(this.#tables.nodes, hashFromKey(key as HashKey), bytes)
    }
  }

  #write(fill: (batch: Batch) => void): Promise<void> {
    return write(this.#tables.state, fill)
  }

  chunkList(root: Hash): Uint8Array | undefined {
    return this.#chunkLists.get(root)
  }

  pathsWithContent(root: Hash, limit: number): readonly RelativePath[] {
    const range = { start: root, end: layout.afterPrefix(root), limit }
    return [...this.#tables.contentPaths.range(range)].map(({ value }) => value.toString() as RelativePath)
  }

  *places(chunk: Hash, limit: number): Generator<Place, void, undefined> {
    let left = limit
    for (const path of this.pathsWithContent(chunk, limit)) {
      const payload = this.#filePayload(path)
      if (payload === undefined) continue
      left--
      yield { path, offset: 0, length: payload.size }
    }
    if (left > 0) yield* this.#placesInside(chunk, left)
  }

  /** Places in files of several chunks. */
  #placesInside(chunk: Hash, limit: number): readonly Place[] {
    const places: Place[] = []
    for (const { root, offset, length } of this.#chunkLists.holders(chunk)) {
      if (places.length >= limit) break
      for (const path of this.pathsWithContent(root, limit)) places.push({ path, offset, length })
    }
    return places.slice(0, limit)
  }

  #filePayload(path: RelativePath): { readonly size: number; readonly content: Content } | undefined {
    const payload = this.#payload(this.get(path))
    return payload?.kind === 'file' ? payload : undefined
  }

  #payload(entry: Entry | undefined): ReturnType<typeof payloadOf> | undefined {
    return entry === undefined ? undefined : payloadOf(entry.record)
  }

  async commit({ entries, root, lacks, nodes, chunkLists }: Commit): Promise<void> {
    await this.#chunkLists.putPlaces(chunkLists)
    const sequence = this.#sequence + 1
    await this.#writeWithHeads(batch => {
      batch.put(this.#tables.meta, metaKey('root'), root)
      batch.put(this.#tables.meta, metaKey('sequence'), Buffer.from(String(sequence)))
      batch.put(this.#tables.meta, rootKey(sequence), layout.encodeRootAt(sequence, root))
      if (!hashesEqual(lacks, this.#lacks)) batch.put(this.#tables.meta, metaKey('lacks'), lacks)
      this.#putNodes(batch, nodes)
      this.#chunkLists.put(batch, chunkLists)
      for (const change of entries) this.#putEntry(batch, change)
    })
    this.#root = root
    this.#lacks = lacks
    this.#sequence = sequence
    for (const { path } of entries) this.#absent.delete(path)
    if (this.#chunkLists.hasMany) await this.#chunkLists.sweep()
  }

  rootAt(sequence: number): Hash | undefined {
    const bytes = this.#tables.meta.get(rootKey(sequence))
    const found = bytes === undefined ? undefined : layout.decodeRootAt(bytes)
    return found?.sequence === sequence ? found.root : undefined
  }

  /** True for an index that nothing is to be believed of any more. */
  get isCondemned(): boolean {
    return this.#metaValue('condemned') !== undefined
  }

  condemn(): Promise<void> {
    return this.#write(batch => batch.put(this.#tables.meta, metaKey('condemned'), Buffer.from('1')))
  }

  #putEntry(batch: Batch, { path, entry }: EntryChange): void {
    const { contentPaths, entries, longEntries } = this.#tables
    const oldRoot = this.#contentAt(path)
    const newRoot = contentOf(entry)
    if (oldRoot !== undefined && (newRoot === undefined || !hashesEqual(oldRoot, newRoot))) {
      batch.remove(contentPaths, layout.contentPathKey(oldRoot, path))
      this.#chunkLists.supersede(batch, oldRoot)
    }
    if (newRoot !== undefined) batch.put(contentPaths, layout.contentPathKey(newRoot, path), Buffer.from(path))
    const key = layout.pathKey(path)
    const rows = key === undefined ? longEntries : entries
    const place = key ?? hashBytes(Buffer.from(path))
    if (entry === undefined) return batch.remove(rows, place)
    batch.put(rows, place, key === undefined ? layout.encodeLongEntry(path, entry) : layout.encodeEntry(entry))
  }

  /** As `contentOf`, of what the index has now, without decoding all of it. */
  #contentAt(path: RelativePath): Hash | undefined {
    if (this.#absent.has(path)) return undefined
    const key = layout.pathKey(path)
    if (key === undefined) return contentOf(this.get(path))
    return this.#tables.entries.read(key, layout.contentHere)
  }

  noteHead({ writer, bytes }: StoredHead): void {
    this.#notedHeads.set(writer, bytes)
  }

  async saveHeads(): Promise<void> {
    if (this.#notedHeads.size > 0) await this.#writeWithHeads(() => undefined)
  }

  /** Writes something, and the heads that were noted. */
  async #writeWithHeads(fill: (batch: Batch) => void): Promise<void> {
    const noted = [...this.#notedHeads]
    await this.#write(batch => {
      fill(batch)
      for (const [writer, bytes] of noted) batch.put(this.#tables.heads, Buffer.from(writer, 'hex'), bytes)
    })
    // A newer one may have been noted meanwhile.
    for (const [writer, bytes] of noted) if (this.#notedHeads.get(writer) === bytes) this.#notedHeads.delete(writer)
  }

  heads(): readonly StoredHead[] {
    return [...this.#tables.heads.range({})].map(({ key, value }) => ({
      writer: Buffer.from(key).toString('hex'),
      bytes: Uint8Array.from(value)
    }))
  }

  getFact(name: string): Uint8Array | undefined {
    return this.#tables.facts.get(metaKey(name))
  }

  putFact(name: string, value: Uint8Array | undefined): Promise<void> {
    return this.#write(batch => {
      if (value === undefined) batch.remove(this.#tables.facts, metaKey(name))
      else batch.put(this.#tables.facts, metaKey(name), value)
    })
  }

  async collect(roots: readonly Hash[]): Promise<{ readonly nodes: number; readonly chunkLists: number }> {
    const nodes = await this.#sweep.run([this.#root, this.#lacks, ...roots])
    return { nodes, chunkLists: await this.#chunkLists.sweep() }
  }

  async close(): Promise<void> {
    const { env, state } = this.#tables
    if (state.isClosed) return
    state.isClosed = true
    await env.close()
    await this.onclosed(!isBackerError(state.failure, 'STORE_CORRUPT'))
  }

  #metaValue(name: string): Buffer | undefined {
    return this.#tables.meta.get(metaKey(name))
  }
}

/** The root of the content that stands at the entry's path; undefined where none does, or where it was dropped. */
function contentOf(entry: Entry | undefined): Hash | undefined {
  if (entry === undefined || entry.lack?.kind === 'dropped') return undefined
  const payload = payloadOf(entry.record)
  return payload.kind === 'file' ? payload.content.root : undefined
}

function metaKey(name: string): Uint8Array {
  return Buffer.from(name)
}

function rootKey(sequence: number): Uint8Array {
  return metaKey(`root-${sequence % ROOTS_KNOWN}`)
}
