import { BackerError } from '../core/error.js'
import { ChunkList } from '../core/chunk/content-tree.js'
import { asHash, hashBytes, hashesEqual, hashFromKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, type Content } from '../core/model/record.js'
import { REPLICA_BYTES, replicaFromBytes, type ReplicaId } from '../core/model/version.js'
import { EMPTY_NODE, EMPTY_ROOT } from '../core/tree/node.js'
import type { Random } from '../runtime.js'
import * as layout from './layout.js'
import type { Commit, Entry, EntryChange, Place, Store, StoredHead } from './store.js'
import { Sweep } from './sweep.js'
import { ROWS_PER_TURN, type Tables } from './tables.js'

/** Head numbers are reserved this many at a time: a crash skips the rest, which nobody minds. */
const SEQUENCE_BLOCK = 1000

/** A folder's index in an LMDB environment: one that may be believed (see open-index.ts). */
export class LmdbStore implements Store {
  readonly replica: ReplicaId
  readonly fresh: boolean
  readonly #tables: Tables
  readonly #sweep: Sweep
  #root: Hash
  #sequence: number
  #sequenceReserved: number
  #openings: number
  #closed = false
  /** What is done once the file is closed. */
  onclosed: () => Promise<void> = () => Promise.resolve()

  private constructor(tables: Tables, random: Random) {
    this.#tables = tables
    this.#sweep = new Sweep(tables, this)
    const replica = this.#metaValue('replica')
    this.fresh = replica === undefined
    this.replica = replicaFromBytes(replica ?? random.bytes(REPLICA_BYTES))
    const root = this.#metaValue('root')
    this.#root = root === undefined ? EMPTY_ROOT : asHash(root)
    this.#sequence = this.#sequenceReserved = Number(this.#metaValue('sequence')?.toString() ?? 0)
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
      void meta.put(metaKey('format'), Buffer.from(String(layout.FORMAT)))
      await meta.put(metaKey('replica'), Buffer.from(this.replica, 'hex'))
      return
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
    this.#openings++
    await this.#tables.meta.put(metaKey('openings'), Buffer.from(String(this.#openings)))
  }

  get root(): Hash {
    return this.#root
  }

  get sequence(): number {
    return this.#sequence
  }

  get(path: RelativePath): Entry | undefined {
    const key = layout.pathKey(path)
    if (key === undefined) {
      const bytes = this.#tables.longEntries.get(hashBytes(Buffer.from(path)))
      return bytes === undefined ? undefined : layout.decodeLongEntry(bytes)[1]
    }
    const bytes = this.#tables.entries.get(key)
    return bytes === undefined ? undefined : layout.decodeEntry(bytes)
  }

  *children(directory: RelativePath | undefined): Iterable<readonly [RelativePath, Entry]> {
    const prefix = directory === undefined ? Buffer.alloc(0) : prefixOf(directory)
    if (prefix !== undefined) yield* this.#shortChildren(prefix)
    yield* this.#long(path => isChild(path, directory))
  }

  /** Direct children in order: whatever lies below one is passed over by a new start behind it. */
  *#shortChildren(prefix: Uint8Array): Iterable<readonly [RelativePath, Entry]> {
    const end = prefix.byteLength === 0 ? undefined : layout.afterPrefix(prefix)
    let start: Uint8Array | undefined = prefix
    while (start !== undefined) {
      let again: Uint8Array | undefined
      for (const { key, value } of this.#tables.entries.getRange(end === undefined ? { start } : { start, end })) {
        const below = key.indexOf(0, prefix.byteLength)
        if (below >= 0) {
          again = Buffer.concat([key.subarray(0, below), Uint8Array.of(1)])
          break
        }
        yield [layout.pathOfKey(key), layout.decodeEntry(value)]
      }
      start = again
    }
  }

  *below(directory: RelativePath | undefined): Iterable<readonly [RelativePath, Entry]> {
    const prefix = directory === undefined ? Buffer.alloc(0) : prefixOf(directory)
    if (prefix !== undefined) {
      const range = prefix.byteLength === 0 ? {} : { start: prefix, end: layout.afterPrefix(prefix) }
      for (const { key, value } of this.#tables.entries.getRange(range))
        yield [layout.pathOfKey(key), layout.decodeEntry(value)]
    }
    yield* this.#long(path => directory === undefined || path.startsWith(`${directory}/`))
  }

  /** Entries whose paths are too long for a key, in no order: there are hardly ever any. */
  *#long(belongs: (path: RelativePath) => boolean): Iterable<readonly [RelativePath, Entry]> {
    for (const { value } of this.#tables.longEntries.getRange({})) {
      const [path, entry] = layout.decodeLongEntry(value)
      if (belongs(path)) yield [path, entry]
    }
  }

  node(hash: Hash): Uint8Array | undefined {
    return hashesEqual(hash, EMPTY_ROOT) ? EMPTY_NODE : this.#tables.nodes.get(hash)
  }

  async putNodes(nodes: ReadonlyMap<string, Uint8Array>): Promise<void> {
    let last: Promise<unknown> = Promise.resolve()
    for (const [key, bytes] of nodes) last = this.#putNode(key, bytes)
    await last
  }

  #putNode(key: string, bytes: Uint8Array): Promise<boolean> {
    this.#sweep.noteNode(key)
    return this.#tables.nodes.put(hashFromKey(key as HashKey), bufferOf(bytes))
  }

  chunkList(root: Hash): Uint8Array | undefined {
    return this.#tables.chunkLists.get(root)
  }

  pathsWithContent(root: Hash, limit: number): readonly RelativePath[] {
    const range = { start: root, end: layout.afterPrefix(root), limit }
    return [...this.#tables.contentPaths.getRange(range)].map(({ value }) => value.toString() as RelativePath)
  }

  places(chunk: Hash, limit: number): readonly Place[] {
    const places: Place[] = []
    for (const path of this.pathsWithContent(chunk, limit)) {
      const payload = this.#filePayload(path)
      if (payload !== undefined) places.push({ path, offset: 0, length: payload.size })
    }
    for (const { key, value } of this.#tables.chunkPlaces.getRange({
      start: chunk,
      end: layout.afterPrefix(chunk),
      limit
    })) {
      const { offset, length } = layout.decodePlace(value)
      for (const path of this.pathsWithContent(asHash(key.subarray(32)), limit)) places.push({ path, offset, length })
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

  async commit({ entries, root, nodes, chunkLists }: Commit): Promise<void> {
    if (this.#closed) throw new BackerError('STORE_CLOSED', 'the index is closed')
    await this.#putChunkPlaces(chunkLists)
    let last: Promise<unknown> = this.#tables.meta.put(metaKey('root'), bufferOf(root))
    for (const [key, bytes] of nodes) last = this.#putNode(key, bytes)
    for (const [key, list] of chunkLists)
      last = this.#tables.chunkLists.put(hashFromKey(key as HashKey), bufferOf(list))
    for (const change of entries) last = this.#putEntry(change) ?? last
    await last
    this.#root = root
  }

  /** Where chunks lie is only a hint: it may be written piece by piece before what it is about. */
  async #putChunkPlaces(chunkLists: ReadonlyMap<string, Uint8Array>): Promise<void> {
    for (const [key, bytes] of chunkLists) {
      const root = hashFromKey(key as HashKey)
      const list = new ChunkList(bytes)
      for (let i = 0; i < list.count; i++) {
        const written = this.#tables.chunkPlaces.put(
          layout.chunkPlaceKey(list.hash(i), root),
          bufferOf(layout.encodePlace(list.offsetOf(i), list.length(i)))
        )
        if (i % ROWS_PER_TURN === ROWS_PER_TURN - 1) await written
      }
    }
  }

  #putEntry({ path, entry }: EntryChange): Promise<unknown> | undefined {
    const before = this.#payload(this.get(path))
    const after = this.#payload(entry)
    const oldRoot = before?.kind === 'file' ? before.content.root : undefined
    const newRoot = after?.kind === 'file' ? after.content.root : undefined
    if (oldRoot !== undefined && (newRoot === undefined || !hashesEqual(oldRoot, newRoot)))
      void this.#tables.contentPaths.remove(layout.contentPathKey(oldRoot, path))
    if (newRoot !== undefined)
      void this.#tables.contentPaths.put(layout.contentPathKey(newRoot, path), Buffer.from(path))
    const key = layout.pathKey(path)
    const rows = key === undefined ? this.#tables.longEntries : this.#tables.entries
    const place = key ?? hashBytes(Buffer.from(path))
    if (entry === undefined) return rows.remove(place)
    return rows.put(
      place,
      bufferOf(key === undefined ? layout.encodeLongEntry(path, entry) : layout.encodeEntry(entry))
    )
  }

  async nextSequence(): Promise<number> {
    this.#sequence++
    if (this.#sequence > this.#sequenceReserved) {
      this.#sequenceReserved = this.#sequence + SEQUENCE_BLOCK
      await this.#tables.meta.put(metaKey('sequence'), Buffer.from(String(this.#sequenceReserved)))
    }
    return this.#sequence
  }

  async putHeads(heads: readonly StoredHead[]): Promise<void> {
    let last: Promise<unknown> = Promise.resolve()
    for (const { device, bytes } of heads) last = this.#tables.heads.put(Buffer.from(device, 'hex'), bufferOf(bytes))
    await last
  }

  heads(): readonly StoredHead[] {
    return [...this.#tables.heads.getRange({})].map(({ key, value }) => ({
      device: Buffer.from(key).toString('hex'),
      bytes: Uint8Array.from(value)
    }))
  }

  getFact(name: string): Uint8Array | undefined {
    return this.#tables.facts.get(metaKey(name))
  }

  async putFact(name: string, value: Uint8Array | undefined): Promise<void> {
    await (value === undefined
      ? this.#tables.facts.remove(metaKey(name))
      : this.#tables.facts.put(metaKey(name), bufferOf(value)))
  }

  collect(roots: readonly Hash[]): Promise<{ readonly nodes: number; readonly chunkLists: number }> {
    return this.#sweep.run([this.#root, ...roots])
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#tables.env.close()
    await this.onclosed()
  }

  #metaValue(name: string): Buffer | undefined {
    return this.#tables.meta.get(metaKey(name))
  }
}

function metaKey(name: string): Uint8Array {
  return Buffer.from(name)
}

function prefixOf(directory: RelativePath): Uint8Array | undefined {
  const key = layout.pathKey(directory)
  return key === undefined ? undefined : Buffer.concat([key, Uint8Array.of(0)])
}

function isChild(path: RelativePath, directory: RelativePath | undefined): boolean {
  const prefix = directory === undefined ? '' : `${directory}/`
  return path.startsWith(prefix) && !path.includes('/', prefix.length)
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
