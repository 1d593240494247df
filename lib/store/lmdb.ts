import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { BackerError, messageOf } from '../core/error.js'
import { ChunkList } from '../core/chunk/content-tree.js'
import { asHash, hashBytes, hashesEqual, hashFromKey, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, type Content } from '../core/model/record.js'
import { REPLICA_BYTES, replicaFromBytes, type ReplicaId } from '../core/model/version.js'
import { EMPTY_NODE, EMPTY_ROOT } from '../core/tree/node.js'
import { nodeHashes } from '../core/tree/read.js'
import type { Random } from '../runtime.js'
import { identify, isMarked, readIncarnation, writeIncarnation } from './incarnation.js'
import * as layout from './layout.js'
import type { Commit, Entry, EntryChange, Place, Store, StoredHead } from './store.js'

export interface LmdbOptions {
  /** The index's directory: made if it is missing. */
  readonly directory: string
  /** A file outside of it that notes each opening, so that an index put back from a copy is noticed. */
  readonly openingsFile: string
  readonly random: Random
}

type Rows = Database<Buffer, Uint8Array>

/** How many rows are written in one turn of the event loop where it does not matter whether they come together. */
const ROWS_PER_TURN = 4000
/**
 * How much address space the index may take before it has to be mapped anew: a mapping that has become too small stays beside the larger one, so
 * that its pages count twice.
 */
const MAP_BYTES = 16 * 1024 ** 3
/** Head numbers are reserved this many at a time: a crash skips the rest, which nobody minds. */
const SEQUENCE_BLOCK = 1000

/**
 * Opens a folder's index, or makes a fresh one where there is none, where it is damaged (that one is set aside) and where it is not the one that
 * was here last: then nothing in it may be believed (invariant S13). Throws FILE_SYSTEM where the directory can't be used.
 * Source: Howard Chu, "MDB: A Memory-Mapped Database and Backend for OpenLDAP", LDAPCon 2011.
 */
export async function openLmdbStore(options: LmdbOptions): Promise<Store> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 })
  await mkdir(dirname(options.openingsFile), { recursive: true, mode: 0o700 })
  const dataFile = join(options.directory, 'data.mdb')
  const [now, before] = [await identify(dataFile), await readIncarnation(options.openingsFile)]
  const isWhole = now !== undefined && (await isMarked(dataFile))
  const isSameFile = isWhole && before !== undefined && now.file === before.file && now.size >= before.size
  if (now !== undefined && !isSameFile) await setAside(options.directory)
  let store = await LmdbStore.open(options).catch(() => undefined)
  if (store !== undefined && isSameFile && store.openings !== before.openings) {
    await store.close()
    store = undefined
  }
  if (store === undefined) {
    await setAside(options.directory)
    store = await LmdbStore.open(options)
  }
  await store.noteOpening()
  return store
}

/** Renames a damaged or foreign index out of the way; only the newest such one is kept. */
async function setAside(directory: string): Promise<void> {
  const parent = dirname(directory)
  for (const name of await readdir(parent)) {
    if (name.startsWith('index.damaged-')) await rm(join(parent, name), { recursive: true, force: true })
  }
  await rename(directory, join(parent, `index.damaged-${hashKey(hashBytes(Buffer.from(directory))).slice(0, 8)}`))
  await mkdir(directory, { recursive: true, mode: 0o700 })
}

/** A folder's index in an LMDB environment. */
class LmdbStore implements Store {
  readonly replica: ReplicaId
  readonly fresh: boolean
  readonly #options: LmdbOptions
  readonly #env: RootDatabase<Buffer, Uint8Array>
  readonly #entries: Rows
  readonly #longEntries: Rows
  readonly #nodes: Rows
  readonly #chunkLists: Rows
  readonly #contentPaths: Rows
  readonly #chunkPlaces: Rows
  readonly #heads: Rows
  readonly #facts: Rows
  readonly #meta: Rows
  #root: Hash
  #sequence: number
  #sequenceReserved: number
  #openings: number
  /** Nodes written since a sweep began: it must not take them for garbage. */
  #sinceSweep: Set<string> | undefined
  #closed = false

  private constructor(options: LmdbOptions, env: RootDatabase<Buffer, Uint8Array>) {
    const rows = (name: string): Rows =>
      env.openDB<Buffer, Uint8Array>({ name, encoding: 'binary', keyEncoding: 'binary' })
    this.#options = options
    this.#env = env
    this.#entries = rows('entries')
    this.#longEntries = rows('long-entries')
    this.#nodes = rows('nodes')
    this.#chunkLists = rows('chunk-lists')
    this.#contentPaths = rows('content-paths')
    this.#chunkPlaces = rows('chunk-places')
    this.#heads = rows('heads')
    this.#facts = rows('facts')
    this.#meta = rows('meta')
    const replica = this.#metaValue('replica')
    this.fresh = replica === undefined
    this.replica = replicaFromBytes(replica ?? options.random.bytes(REPLICA_BYTES))
    const root = this.#metaValue('root')
    this.#root = root === undefined ? EMPTY_ROOT : asHash(root)
    this.#sequence = this.#sequenceReserved = Number(this.#metaValue('sequence')?.toString() ?? 0)
    this.#openings = Number(this.#metaValue('openings')?.toString() ?? 0)
  }

  /** Throws where LMDB can't open it, its format is another one, or what it says of itself does not fit together. */
  static async open(options: LmdbOptions): Promise<LmdbStore> {
    const env = open<Buffer, Uint8Array>({
      path: options.directory,
      encoding: 'binary',
      keyEncoding: 'binary',
      maxDbs: 16,
      mapSize: MAP_BYTES,
      noSubdir: false
    })
    try {
      const store = new LmdbStore(options, env)
      await store.#check()
      return store
    } catch (error) {
      await env.close()
      throw new BackerError('STORE_CORRUPT', `the index can't be read: ${messageOf(error)}`, {
        path: options.directory,
        cause: error
      })
    }
  }

  async #check(): Promise<void> {
    if (this.fresh) {
      void this.#meta.put(metaKey('format'), Buffer.from(String(layout.FORMAT)))
      await this.#meta.put(metaKey('replica'), Buffer.from(this.replica, 'hex'))
      return
    }
    if (this.#metaValue('format')?.toString() !== String(layout.FORMAT))
      throw new BackerError('STORE_CORRUPT', 'the index has another format')
    const node = this.node(this.#root)
    if (node === undefined || !hashesEqual(hashBytes(node), this.#root))
      throw new BackerError('STORE_CORRUPT', 'the index has no root')
  }

  get openings(): number {
    return this.#openings
  }

  /** Counts this opening in the index and beside it. */
  async noteOpening(): Promise<void> {
    this.#openings++
    await this.#meta.put(metaKey('openings'), Buffer.from(String(this.#openings)))
    await this.#noteFile()
  }

  async #noteFile(): Promise<void> {
    const found = await identify(join(this.#options.directory, 'data.mdb'))
    if (found !== undefined) await writeIncarnation(this.#options.openingsFile, { openings: this.#openings, ...found })
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
      const bytes = this.#longEntries.get(hashBytes(Buffer.from(path)))
      return bytes === undefined ? undefined : layout.decodeLongEntry(bytes)[1]
    }
    const bytes = this.#entries.get(key)
    return bytes === undefined ? undefined : layout.decodeEntry(bytes)
  }

  *children(directory: RelativePath | undefined): Iterable<readonly [RelativePath, Entry]> {
    const prefix = directory === undefined ? Buffer.alloc(0) : prefixOf(directory)
    if (prefix !== undefined) yield* this.#shortChildren(prefix)
    yield* this.#long(directory, path => isChild(path, directory))
  }

  /** Direct children in order: whatever lies below one is passed over by a new start behind it. */
  *#shortChildren(prefix: Uint8Array): Iterable<readonly [RelativePath, Entry]> {
    const end = prefix.byteLength === 0 ? undefined : layout.afterPrefix(prefix)
    let start: Uint8Array | undefined = prefix
    while (start !== undefined) {
      let again: Uint8Array | undefined
      for (const { key, value } of this.#entries.getRange(end === undefined ? { start } : { start, end })) {
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
      for (const { key, value } of this.#entries.getRange(range))
        yield [layout.pathOfKey(key), layout.decodeEntry(value)]
    }
    yield* this.#long(directory, path => directory === undefined || path.startsWith(`${directory}/`))
  }

  /** Entries whose paths are too long for a key, in no order: there are hardly ever any. */
  *#long(
    _directory: RelativePath | undefined,
    belongs: (path: RelativePath) => boolean
  ): Iterable<readonly [RelativePath, Entry]> {
    for (const { value } of this.#longEntries.getRange({})) {
      const [path, entry] = layout.decodeLongEntry(value)
      if (belongs(path)) yield [path, entry]
    }
  }

  node(hash: Hash): Uint8Array | undefined {
    return hashesEqual(hash, EMPTY_ROOT) ? EMPTY_NODE : this.#nodes.get(hash)
  }

  async putNodes(nodes: ReadonlyMap<string, Uint8Array>): Promise<void> {
    let last: Promise<unknown> = Promise.resolve()
    for (const [key, bytes] of nodes) last = this.#putNode(key, bytes)
    await last
  }

  #putNode(key: string, bytes: Uint8Array): Promise<boolean> {
    this.#sinceSweep?.add(key)
    return this.#nodes.put(hashFromKey(key as HashKey), bufferOf(bytes))
  }

  chunkList(root: Hash): Uint8Array | undefined {
    return this.#chunkLists.get(root)
  }

  pathsWithContent(root: Hash, limit: number): readonly RelativePath[] {
    const range = { start: root, end: layout.afterPrefix(root), limit }
    return [...this.#contentPaths.getRange(range)].map(({ value }) => value.toString() as RelativePath)
  }

  places(chunk: Hash, limit: number): readonly Place[] {
    const places: Place[] = []
    for (const path of this.pathsWithContent(chunk, limit)) {
      const payload = this.#filePayload(path)
      if (payload !== undefined) places.push({ path, offset: 0, length: payload.size })
    }
    for (const { key, value } of this.#chunkPlaces.getRange({ start: chunk, end: layout.afterPrefix(chunk), limit })) {
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
    let last: Promise<unknown> = this.#meta.put(metaKey('root'), bufferOf(root))
    for (const [key, bytes] of nodes) last = this.#putNode(key, bytes)
    for (const [key, list] of chunkLists) last = this.#chunkLists.put(hashFromKey(key as HashKey), bufferOf(list))
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
        const written = this.#chunkPlaces.put(
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
      void this.#contentPaths.remove(layout.contentPathKey(oldRoot, path))
    if (newRoot !== undefined) void this.#contentPaths.put(layout.contentPathKey(newRoot, path), Buffer.from(path))
    const key = layout.pathKey(path)
    const rows = key === undefined ? this.#longEntries : this.#entries
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
      await this.#meta.put(metaKey('sequence'), Buffer.from(String(this.#sequenceReserved)))
    }
    return this.#sequence
  }

  async putHeads(heads: readonly StoredHead[]): Promise<void> {
    let last: Promise<unknown> = Promise.resolve()
    for (const { device, bytes } of heads) last = this.#heads.put(Buffer.from(device, 'hex'), bufferOf(bytes))
    await last
  }

  heads(): readonly StoredHead[] {
    return [...this.#heads.getRange({})].map(({ key, value }) => ({
      device: Buffer.from(key).toString('hex'),
      bytes: Uint8Array.from(value)
    }))
  }

  getFact(name: string): Uint8Array | undefined {
    return this.#facts.get(metaKey(name))
  }

  async putFact(name: string, value: Uint8Array | undefined): Promise<void> {
    await (value === undefined ? this.#facts.remove(metaKey(name)) : this.#facts.put(metaKey(name), bufferOf(value)))
  }

  async collect(roots: readonly Hash[]): Promise<{ readonly nodes: number; readonly chunkLists: number }> {
    this.#sinceSweep = new Set()
    try {
      const reached = await this.#mark([this.#root, ...roots])
      return { nodes: await this.#sweepNodes(reached), chunkLists: await this.#sweepChunkLists() }
    } finally {
      this.#sinceSweep = undefined
    }
  }

  async #mark(roots: readonly Hash[]): Promise<Set<string>> {
    const reached = new Set<string>()
    for (const root of roots) {
      if (reached.has(hashKey(root))) continue
      reached.add(hashKey(root))
      let count = 0
      try {
        for (const hash of nodeHashes(one => this.node(one), root)) {
          reached.add(hashKey(hash))
          if (++count % ROWS_PER_TURN === 0) await breathe()
        }
      } catch (error) {
        // A peer's tree that is only half here: what is missing will be asked for again.
        if (!(error instanceof BackerError)) throw error
      }
    }
    return reached
  }

  async #sweepNodes(reached: ReadonlySet<string>): Promise<number> {
    const dropped: Uint8Array[] = []
    let count = 0
    for (const key of this.#nodes.getKeys({})) {
      const name = Buffer.from(key).toString('hex')
      if (!reached.has(name)) dropped.push(Uint8Array.from(key))
      if (++count % ROWS_PER_TURN === 0) await breathe()
    }
    const gone = dropped.filter(key => this.#sinceSweep?.has(Buffer.from(key).toString('hex')) !== true)
    await this.#removeAll(this.#nodes, gone)
    return gone.length
  }

  async #sweepChunkLists(): Promise<number> {
    const unused: Hash[] = []
    for (const key of this.#chunkLists.getKeys({})) {
      const root = asHash(key)
      if (this.pathsWithContent(root, 1).length === 0) unused.push(root)
    }
    for (const root of unused) {
      const list = new ChunkList(this.chunkList(root) ?? new Uint8Array(0))
      const places = Array.from({ length: list.count }, (_, i) => layout.chunkPlaceKey(list.hash(i), root))
      await this.#removeAll(this.#chunkPlaces, places)
      await this.#chunkLists.remove(root)
    }
    return unused.length
  }

  async #removeAll(rows: Rows, keys: readonly Uint8Array[]): Promise<void> {
    let last: Promise<unknown> = Promise.resolve()
    for (const [i, key] of keys.entries()) {
      last = rows.remove(key)
      if (i % ROWS_PER_TURN === ROWS_PER_TURN - 1) await last
    }
    await last
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#env.flushed
    await this.#noteFile().catch(() => undefined)
    await this.#env.close()
  }

  #metaValue(name: string): Buffer | undefined {
    return this.#meta.get(metaKey(name))
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

/** Lets whatever else waits in the event loop have its turn. */
function breathe(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
