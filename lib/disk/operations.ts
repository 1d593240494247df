import { BackerError } from '../core/error.js'
import type { RelativePath } from '../core/model/path.js'
import type { Stamp } from '../core/model/stamp.js'
import type { Runtime } from '../runtime.js'
import type {
  CheckOrder,
  Checked,
  DiskTraits,
  Extent,
  Hashed,
  InstallResult,
  InstallStep,
  Leftovers,
  Listed,
  Listing,
  Piece,
  Recovered,
  RecoveryPaths,
  SmallFile,
  Space
} from './disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { fillStaged } from './fill.js'
import {
  contentRootOf,
  hashFiles,
  hashFilesUpTo,
  hashSegment,
  SETTLED,
  type Segment,
  type SegmentRead,
  type Settle
} from './hash.js'
import { historyOf } from './history.js'
import { listDamaged } from './damaged-files.js'
import { checkFiles } from './check.js'
import type { HistoryOperations, PutAside } from './kept.js'
import { parseIgnore } from './ignore.js'
import { installBatch } from './install.js'
import { readIntent } from './intent.js'
import { keepWritten } from './keep-written.js'
import { listDirectory, statPaths } from './list.js'
import { checkMarker, type Marker } from './marker.js'
import { parseTmpName } from './names.js'
import { withTmp } from './own.js'
import { codeOf, fatalOf } from './problem.js'
import { packListings, type PackedListings } from './pack.js'
import { packHashed, type PackedHashed } from './pack-hashed.js'
import { packLooks, type PackedLooks } from './pack-looks.js'
import { packReads, unpackExtents, type PackedExtents, type PackedReads } from './pack-reads.js'
import { packResults, unpackSteps, type PackedResults, type PackedSteps } from './pack-steps.js'
import { unpackFiles, type PackedFiles } from './pack-small.js'
import { recover } from './recover.js'
import { joinSegments, type Joined } from './segments.js'
import { discardStaged, openStaged, readStaged, restage, stageSmall } from './stage.js'
import { readExtents } from './read.js'

/** What the operations on one folder need to know. Plain data: it goes to worker threads. */
export interface OperationsOptions {
  readonly root: string
  readonly marker: Marker
  readonly traits: DiskTraits
}

/** Which file one is, whatever it is called. */
export interface FileId {
  readonly device: bigint
  readonly inode: bigint
}

/** How many random bytes one step of a change may need, for names. */
const RANDOM_BYTES_PER_STEP = 32

/** What changing the disk needs that is not deterministic. `randomness`: RANDOM_BYTES_PER_STEP for each step, and once more. */
export interface ChangeWorld {
  readonly nowMs: number
  readonly randomness: Uint8Array
}

/** What `steps` changes need. */
export function changeWorld({ clock, random }: Runtime, steps: number): ChangeWorld {
  return { nowMs: clock.now(), randomness: random.bytes(RANDOM_BYTES_PER_STEP * (steps + 1)) }
}

/** Everything that is done to one folder's directory, call by call and synchronously: in a worker thread, or in a simulation. */
export class DiskOperations {
  readonly #fs: FileSystem
  readonly #options: OperationsOptions
  readonly #settle: Settle
  readonly #junk = parseIgnore(undefined)

  /** `settle`: see there; without it every write must have a time of its own, as in a simulation. */
  constructor(fs: FileSystem, options: OperationsOptions, settle: Settle = SETTLED) {
    this.#fs = fs
    this.#options = options
    this.#settle = settle
  }

  list(directories: readonly (RelativePath | undefined)[], known: readonly Uint8Array[] = []): Listing[] {
    return this.#withRoot(
      root => directories.map((path, i) => listDirectory(this.#fs, root, path, known[i])),
      () => directories.map(() => ({ kind: 'absent' }))
    )
  }

  /** As `list`, in a form that costs little to hand from thread to thread. */
  listPacked(directories: readonly (RelativePath | undefined)[], known: readonly Uint8Array[]): PackedListings {
    return packListings(this.list(directories, known))
  }

  stat(paths: readonly RelativePath[]): (Listed | 'unknown' | undefined)[] {
    return this.#withRoot(
      root => statPaths(this.#fs, root, paths),
      () => paths.map(() => undefined)
    )
  }

  /** As `stat`, in a form that costs little to hand from thread to thread. */
  statPacked(paths: readonly RelativePath[]): PackedLooks {
    return packLooks(this.stat(paths))
  }

  hash(paths: readonly RelativePath[]): Hashed[] {
    return this.#withRoot(
      root => hashFiles(this.#fs, root, paths, this.#settle),
      () => paths.map(() => ({ kind: 'absent' }))
    )
  }

  check(orders: readonly CheckOrder[]): Checked[] {
    return this.#withRoot(
      root => checkFiles(this.#fs, root, orders),
      () => orders.map(() => ({ kind: 'changed' }))
    )
  }

  damaged(limit: number): PutAside {
    return this.#withMarkedRoot(root => listDamaged(this.#fs, root, limit))
  }

  /** As `hash`, but files from `largeBytes` on are only looked at: they are read in segments. In a form that costs little to hand from thread to thread. */
  hashUpTo(paths: readonly RelativePath[], largeBytes: number): PackedHashed {
    return packHashed(
      this.#withRoot(
        root => hashFilesUpTo(this.#fs, root, paths, { settle: this.#settle, largeBytes }),
        () => paths.map((): Hashed => ({ kind: 'absent' }))
      )
    )
  }

  hashSegment(path: RelativePath, stamp: Stamp, start: number, stop: number): SegmentRead {
    return this.#withRoot(
      root => hashSegment(this.#fs, root, path, { stamp, start, stop }),
      () => ({ kind: 'absent' })
    )
  }

  joinSegments(segments: readonly Segment[]): Joined {
    return joinSegments(segments)
  }

  keepWritten(paths: readonly RelativePath[]): void {
    this.#withRoot(
      root => keepWritten(this.#fs, root, paths),
      () => undefined
    )
  }

  /** See `readExtents`; undefined for each where the folder is not there. */
  readMany(extents: readonly Extent[]): (Uint8Array | undefined)[] {
    return this.#withRoot(
      root => readExtents(this.#fs, root, extents),
      () => extents.map(() => undefined)
    )
  }

  /** As `readMany`, in a form that costs little to hand from thread to thread. */
  readPacked(extents: PackedExtents): PackedReads {
    return packReads(this.readMany(unpackExtents(extents)))
  }

  /** Makes or finds a staged file, gives it its size, and closes it again. `device` and `inode`: to know it again by. */
  stage(name: string, size: number): { readonly resumed: boolean } & FileId {
    const { file, resumed } = this.openStaged(name, size)
    try {
      const { device, inode } = this.#fs.fstat(file)
      return { resumed, device, inode }
    } finally {
      this.#fs.close(file)
    }
  }

  /** Makes or finds a staged file and gives it its size. The caller closes it. */
  openStaged(name: string, size: number): { readonly file: FileHandle; readonly resumed: boolean } {
    return this.#withTmp(tmp => {
      const opened = openStaged(this.#fs, tmp, name, size)
      try {
        this.#fs.truncate(opened.file, size)
      } catch (error) {
        this.#fs.close(opened.file)
        throw error
      }
      return opened
    })
  }

  /** See `fillStaged`; all false where the staged file is not there, or another one (`device`, `inode`). */
  fill(name: string, { device, inode }: FileId, pieces: readonly Piece[]): boolean[] {
    return this.#withTmp(tmp => {
      const file = this.#fs.openWrite(tmp, name)
      try {
        const stamp = this.#fs.fstat(file)
        if (stamp.device !== device || stamp.inode !== inode) return pieces.map(() => false)
        return this.fillOpen(file, pieces)
      } finally {
        this.#fs.close(file)
      }
    })
  }

  /** As `fill`, of a staged file that is open. */
  fillOpen(file: FileHandle, pieces: readonly Piece[]): boolean[] {
    return this.#withRoot(
      root => fillStaged(this.#fs, root, file, pieces),
      () => pieces.map(() => false)
    )
  }

  /** Begins to bring to the disk what was written to a staged file. */
  startWriting(name: string, offset: number, length: number): void {
    this.#withTmp(tmp => {
      const file = this.#fs.openWrite(tmp, name)
      try {
        this.#fs.startWriting(file, offset, length)
      } finally {
        this.#fs.close(file)
      }
    })
  }

  writeStaged(file: FileHandle, offset: number, bytes: Uint8Array): void {
    this.#fs.write(file, bytes, offset)
  }

  readStaged(file: FileHandle, offset: number, length: number): Uint8Array {
    return readStaged(this.#fs, file, offset, length)
  }

  closeStaged(file: FileHandle): void {
    this.#fs.close(file)
  }

  stageSmall(files: readonly SmallFile[]): void {
    const { hasModes } = this.#options.traits
    if (files.length > 0) this.#withTmp(tmp => stageSmall(this.#fs, tmp, files, hasModes))
  }

  /** As `stageSmall`, of files in a form that costs little to hand from thread to thread. */
  stagePacked(files: PackedFiles): void {
    this.stageSmall(unpackFiles(files))
  }

  restage(from: string, to: string): void {
    this.#withTmp(tmp => restage(this.#fs, tmp, from, to))
  }

  discard(names: readonly string[]): void {
    this.#withTmp(tmp => names.forEach(name => discardStaged(this.#fs, tmp, name)))
  }

  install(
    steps: readonly InstallStep[],
    { nowMs, randomness }: ChangeWorld,
    intent?: Uint8Array
  ): readonly InstallResult[] {
    const { traits } = this.#options
    const isDeletable = (path: RelativePath): boolean => this.#junk.deletable(path)
    return this.#withMarkedRoot(root =>
      installBatch(this.#fs, root, steps, { traits, nowMs, bytes: drawFrom(randomness), isDeletable, intent })
    )
  }

  /** As `install`, in a form that costs little to hand from thread to thread. */
  installPacked(steps: PackedSteps, world: ChangeWorld, intent?: Uint8Array): PackedResults {
    return packResults(this.install(unpackSteps(steps), world, intent))
  }

  leftovers(): Leftovers {
    const { found, intent } = this.#withTmp(tmp => ({
      found: this.#fs.names(tmp),
      intent: readIntent(this.#fs, tmp)
    }))
    const names = found.map(bytes => Buffer.from(bytes).toString())
    const pathHashes = names.map(parseTmpName).flatMap(meaning => {
      if (meaning.kind === 'move') return [meaning.from, meaning.path]
      return 'path' in meaning ? [meaning.path] : []
    })
    return { count: names.length, pathHashes, intent }
  }

  /** See `recover`. `known`: of the hashes that `leftovers` named, those that are known. */
  recover({ paths, copies, metadata }: RecoveryPaths, { nowMs, randomness }: ChangeWorld): Recovered {
    return this.#withMarkedRoot(root =>
      recover(this.#fs, root, {
        traits: this.#options.traits,
        nowMs,
        bytes: drawFrom(randomness),
        contentRootOf: file => contentRootOf(this.#fs, file),
        pathByHash: hash => paths.get(hash),
        copyByHash: hash => copies.get(hash),
        metadataByHash: hash => metadata.get(hash)
      })
    )
  }

  history<K extends keyof HistoryOperations>(
    name: K,
    args: Parameters<HistoryOperations[K]>
  ): ReturnType<HistoryOperations[K]> {
    return this.#withMarkedRoot(root => {
      const operation = historyOf(this.#fs, root)[name] as (
        ...args: Parameters<HistoryOperations[K]>
      ) => ReturnType<HistoryOperations[K]>
      return operation(...args)
    })
  }

  checkMarker(): boolean {
    return this.#withRoot(
      root => checkMarker(this.#fs, root, this.#options.marker),
      () => false
    )
  }

  space(): Space {
    return this.#withRoot(
      root => this.#fs.space(root),
      () => ({ freeBytes: 0, totalBytes: 0 })
    )
  }

  #withTmp<T>(fn: (tmp: DirectoryHandle) => T): T {
    return this.#withRoot(
      root => withTmp(this.#fs, root, fn),
      () => {
        throw missing()
      }
    )
  }

  /** As `#withRoot`, for what changes the disk. Throws MARKER where the folder is not there. */
  #withMarkedRoot<T>(fn: (root: DirectoryHandle) => T): T {
    return this.#withRoot(
      root => {
        if (!checkMarker(this.#fs, root, this.#options.marker)) throw missing()
        return fn(root)
      },
      () => {
        throw missing()
      }
    )
  }

  /** Opens the root anew each time: what is mounted there may have changed. `absent`: there is no such directory. */
  #withRoot<T>(fn: (root: DirectoryHandle) => T, absent: () => T): T {
    let root: DirectoryHandle
    try {
      root = this.#fs.openRoot(this.#options.root)
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return absent()
      throw fatalOf(error, this.#options.root)
    }
    try {
      return fn(root)
    } finally {
      this.#fs.closeDirectory(root)
    }
  }
}

/** Gives out random bytes piece by piece, from the start again when they are used up. */
function drawFrom(randomness: Uint8Array): (length: number) => Uint8Array {
  let used = 0
  return length => {
    const drawn = Uint8Array.from({ length }, (_, i) => randomness[(used + i) % randomness.byteLength] ?? 0)
    used += length
    return drawn
  }
}

function missing(): BackerError {
  return new BackerError('MARKER', 'the folder is not there: its marker is gone', {
    hint: 'If a disk is not mounted, mount it. Nothing was deleted anywhere.'
  })
}
