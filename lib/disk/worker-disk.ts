import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { partsWithData } from '../core/chunk/zeros.js'
import { BackerError } from '../core/error.js'
import { RESERVED_NAME, type RelativePath } from '../core/model/path.js'
import type { Runtime } from '../runtime.js'
import type {
  Checked,
  CheckOrder,
  Disk,
  DiskTraits,
  Extent,
  Hashed,
  InstallResult,
  InstallStep,
  Listed,
  Listing,
  Piece,
  Recovered,
  RecoveryPaths,
  SmallFile,
  Space,
  StagedFile
} from './disk.js'
import { Duty } from './duty.js'
import { HashQueue } from './hash-queue.js'
import type { HistoryOperations, PutAside } from './kept.js'
import { changeWorld, type FileId, type OperationsOptions } from './operations.js'
import { TMP_NAME } from './own.js'
import { unpackListings } from './pack.js'
import { unpackLooks } from './pack-looks.js'
import { buffersOfFiles, packFiles } from './pack-small.js'
import { buffersOfSteps, packSteps, unpackResults } from './pack-steps.js'
import { ReadQueue } from './read-queue.js'
import { WorkQueue } from './work-queue.js'
import { LOOKER_IDLE_MS, SPARE_IDLE_MS, WorkerThread } from './worker-thread.js'

/** How many threads may hash and copy: with one core each they share what a disk gives, and leave one to the rest. */
const WORKERS = Math.min(4, Math.max(2, availableParallelism() - 1))

/** After how many bytes the disk is told to begin writing: the last sync then finds little left. */
const START_BYTES = 32 * 1024 * 1024

/** What only reads the history: it does not wait for what takes long. */
const HISTORY_READS: ReadonlySet<keyof HistoryOperations> = new Set([
  'list',
  'chunk',
  'chunkList',
  'snapshots',
  'lackingNodes',
  'node',
  'treeItem',
  'treeChildren',
  'treeBelow',
  'treeDifferences'
] as const)

/**
 * A folder's directory worked on by threads: one that looks (so that a listing hardly ever waits), one that reads for peers, one that writes small files down, one that changes (so
 * that syncs hold up nobody), one that keeps the history, one that checks what lies there, and some that hash and copy. Each is started when it is needed, and ends when it is not; what
 * comes alone is done by the one that looks (see `Duty`). Staged files are written from this thread, asynchronously, so that bytes from the network are not copied once more.
 */
export class WorkerDisk implements Disk {
  readonly traits: DiskTraits
  readonly #options: OperationsOptions
  readonly #runtime: Runtime
  readonly #looker: WorkerThread
  readonly #reader: ReadQueue
  readonly #stager: Duty
  readonly #changer: Duty
  readonly #workers: WorkQueue
  readonly #hashes: HashQueue
  readonly #keeper: WorkerThread
  readonly #checker: WorkerThread

  constructor(options: OperationsOptions, runtime: Runtime) {
    this.traits = options.traits
    this.#options = options
    this.#runtime = runtime
    const looker = new WorkerThread(options, runtime.timers, LOOKER_IDLE_MS)
    const duty = (): Duty => new Duty(new WorkerThread(options, runtime.timers), looker)
    this.#looker = looker
    this.#reader = new ReadQueue(duty())
    this.#stager = duty()
    this.#changer = duty()
    this.#keeper = new WorkerThread(options, runtime.timers)
    this.#checker = new WorkerThread(options, runtime.timers)
    // The first one does what comes now and then; the others are needed while there is much.
    const spare = Array.from({ length: WORKERS - 1 }, () => new WorkerThread(options, runtime.timers, SPARE_IDLE_MS))
    this.#workers = new WorkQueue([duty(), ...spare])
    this.#hashes = new HashQueue(this.#workers)
    // The first that is done with a folder is to look for what a crash has left.
    looker.begin()
  }

  async list(
    directories: readonly (RelativePath | undefined)[],
    known: readonly Uint8Array<ArrayBuffer>[] = []
  ): Promise<readonly Listing[]> {
    const buffers = known.map(({ buffer }) => buffer)
    const packed = await this.#looker.hand(buffers, 'listPacked', directories, known)
    return unpackListings(packed, () => this.#runtime.timers.breathe())
  }

  async stat(paths: readonly RelativePath[]): Promise<readonly (Listed | 'unknown' | undefined)[]> {
    return unpackLooks(paths, await this.#looker.run('statPacked', paths))
  }

  hash(paths: readonly RelativePath[]): Promise<readonly Hashed[]> {
    return this.#hashes.hash(paths)
  }

  check(orders: readonly CheckOrder[]): Promise<readonly Checked[]> {
    return this.#checker.run('check', orders)
  }

  damaged(limit: number): Promise<PutAside> {
    return this.#looker.run('damaged', limit)
  }

  keepWritten(paths: readonly RelativePath[]): Promise<void> {
    return this.#changer.run('keepWritten', paths)
  }

  read(path: RelativePath, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#reader.read({ path, offset, length })
  }

  readMany(extents: readonly Extent[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#reader.readTogether(extents)
  }

  async stage(name: string, size: number): Promise<{ readonly file: StagedFile; readonly resumed: boolean }> {
    const { resumed, device, inode } = await this.#changer.run('stage', name, size)
    const path = join(this.#options.root, RESERVED_NAME, TMP_NAME, name)
    const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW)
    const { dev, ino } = await handle.stat({ bigint: true })
    if (dev !== device || ino !== inode) {
      await handle.close()
      throw new BackerError('FILE_SYSTEM', `${path} was replaced by another file`, { path })
    }
    return { resumed, file: new WorkerStagedFile(name, handle, this.#threadsOf(name, { device, inode }), resumed) }
  }

  #threadsOf(name: string, id: FileId): StagedThreads {
    return {
      fill: pieces => this.#workers.run('fill', name, id, pieces),
      startWriting: (offset, length) => this.#workers.run('startWriting', name, offset, length)
    }
  }

  stageSmall(files: readonly SmallFile[]): Promise<void> {
    if (files.length === 0) return Promise.resolve()
    // What came over the network lies in buffers that hold much else: copied out, no more than the files is handed over.
    const packed = packFiles(files)
    return this.#stager.hand(buffersOfFiles(packed), 'stagePacked', packed)
  }

  restage(from: string, to: string): Promise<void> {
    return this.#changer.run('restage', from, to)
  }

  discard(names: readonly string[]): Promise<void> {
    return names.length === 0 ? Promise.resolve() : this.#changer.run('discard', names)
  }

  async install(steps: readonly InstallStep[], intent?: Uint8Array): Promise<readonly InstallResult[]> {
    const packed = packSteps(steps)
    const world = changeWorld(this.#runtime, steps.length)
    return unpackResults(await this.#changer.hand(buffersOfSteps(packed), 'installPacked', packed, world, intent))
  }

  leftovers(): ReturnType<Disk['leftovers']> {
    return this.#changer.run('leftovers')
  }

  async recover(known: RecoveryPaths): Promise<Recovered> {
    const { count } = await this.leftovers()
    return this.#changer.run('recover', known, changeWorld(this.#runtime, count))
  }

  async history<K extends keyof HistoryOperations>(
    name: K,
    ...args: Parameters<HistoryOperations[K]>
  ): Promise<ReturnType<HistoryOperations[K]>> {
    const thread = HISTORY_READS.has(name) ? this.#looker : this.#keeper
    return (await thread.run('history', name, args)) as ReturnType<HistoryOperations[K]>
  }

  checkMarker(): Promise<boolean> {
    return this.#looker.run('checkMarker')
  }

  space(): Promise<Space> {
    return this.#looker.run('space')
  }

  async close(): Promise<void> {
    const parts = [this.#looker, this.#reader, this.#stager, this.#changer, this.#keeper, this.#checker, this.#workers]
    await Promise.all(parts.map(part => part.close()))
  }
}

/** What threads do for a staged file. */
interface StagedThreads {
  readonly fill: (pieces: readonly Piece[]) => Promise<readonly boolean[]>
  readonly startWriting: (offset: number, length: number) => Promise<void>
}

class WorkerStagedFile implements StagedFile {
  readonly name: string
  readonly #handle: FileHandle
  readonly #threads: StagedThreads
  /** True where something may stand that is not what is to stand there: then zeros are written like all else. */
  #hasRemains: boolean
  /** How much was written since the disk was last told to begin with it. */
  #unstarted = 0

  constructor(name: string, handle: FileHandle, threads: StagedThreads, resumed: boolean) {
    this.name = name
    this.#handle = handle
    this.#threads = threads
    this.#hasRemains = resumed
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    const parts = this.#hasRemains ? ([[0, bytes.byteLength]] as const) : partsWithData(offset, bytes)
    for (const [from, to] of parts) await this.#writePart(offset, bytes, from, to)
    if (this.#unstarted < START_BYTES) return
    this.#unstarted = 0
    // No more than a hint: the sync before the install is what counts, and tells of errors.
    this.#threads.startWriting(0, 0).catch(() => undefined)
  }

  async #writePart(offset: number, bytes: Uint8Array, from: number, to: number): Promise<void> {
    for (let done = from; done < to;) {
      const { bytesWritten } = await this.#handle.write(bytes, done, to - done, offset + done)
      done += bytesWritten
    }
    this.#unstarted += to - from
  }

  async fill(pieces: readonly Piece[]): Promise<readonly boolean[]> {
    let isRight = false
    try {
      const are = await this.#threads.fill(pieces)
      isRight = are.every(one => one)
      return are
    } finally {
      if (!isRight) this.#hasRemains = true
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const { buffer, bytesRead } = await this.#handle.read(new Uint8Array(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
