import { BackerError } from '../core/error.js'
import type { RelativePath } from '../core/model/path.js'
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
import type { FileHandle, FileSystem } from './filesystem.js'
import type { HistoryOperations, PutAside } from './kept.js'
import { changeWorld, DiskOperations, type OperationsOptions } from './operations.js'
import { fatalOf } from './problem.js'

/** A folder's directory worked on in the calling thread, call by call: for simulations, and for tests of what is above it. */
export class InlineDisk implements Disk {
  readonly traits: DiskTraits
  readonly #operations: DiskOperations
  readonly #runtime: Runtime
  #closed = false

  constructor(fs: FileSystem, options: OperationsOptions, runtime: Runtime) {
    this.traits = options.traits
    this.#operations = new DiskOperations(fs, options)
    this.#runtime = runtime
  }

  list(directories: readonly (RelativePath | undefined)[], known?: readonly Uint8Array[]): Promise<readonly Listing[]> {
    return this.#do(operations => operations.list(directories, known))
  }

  stat(paths: readonly RelativePath[]): Promise<readonly (Listed | 'unknown' | undefined)[]> {
    return this.#do(operations => operations.stat(paths))
  }

  hash(paths: readonly RelativePath[]): Promise<readonly Hashed[]> {
    return this.#do(operations => operations.hash(paths))
  }

  check(orders: readonly CheckOrder[]): Promise<readonly Checked[]> {
    return this.#do(operations => operations.check(orders))
  }

  damaged(limit: number): Promise<PutAside> {
    return this.#do(operations => operations.damaged(limit))
  }

  keepWritten(paths: readonly RelativePath[]): Promise<void> {
    return this.#do(operations => operations.keepWritten(paths))
  }

  read(path: RelativePath, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#do(operations => operations.readMany([{ path, offset, length }])[0])
  }

  readMany(extents: readonly Extent[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#do(operations => operations.readMany(extents))
  }

  stage(name: string, size: number): Promise<{ readonly file: StagedFile; readonly resumed: boolean }> {
    return this.#do(operations => {
      const { file, resumed } = operations.openStaged(name, size)
      return { file: new InlineStagedFile(name, file, operations), resumed }
    })
  }

  stageSmall(files: readonly SmallFile[]): Promise<void> {
    return this.#do(operations => operations.stageSmall(files))
  }

  restage(from: string, to: string): Promise<void> {
    return this.#do(operations => operations.restage(from, to))
  }

  discard(names: readonly string[]): Promise<void> {
    return this.#do(operations => operations.discard(names))
  }

  install(steps: readonly InstallStep[], intent?: Uint8Array): Promise<readonly InstallResult[]> {
    return this.#do(operations => operations.install(steps, changeWorld(this.#runtime, steps.length), intent))
  }

  leftovers(): ReturnType<Disk['leftovers']> {
    return this.#do(operations => operations.leftovers())
  }

  recover(known: RecoveryPaths): Promise<Recovered> {
    return this.#do(operations => operations.recover(known, changeWorld(this.#runtime, operations.leftovers().count)))
  }

  history<K extends keyof HistoryOperations>(
    name: K,
    ...args: Parameters<HistoryOperations[K]>
  ): Promise<ReturnType<HistoryOperations[K]>> {
    return this.#do(operations => operations.history(name, args))
  }

  checkMarker(): Promise<boolean> {
    return this.#do(operations => operations.checkMarker())
  }

  space(): Promise<Space> {
    return this.#do(operations => operations.space())
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  #do<T>(fn: (operations: DiskOperations) => T): Promise<T> {
    if (this.#closed) return Promise.reject(new BackerError('CLOSED', 'the folder is closed'))
    return inPromise(() => {
      try {
        return fn(this.#operations)
      } catch (error) {
        throw fatalOf(error)
      }
    })
  }
}

class InlineStagedFile implements StagedFile {
  readonly name: string
  readonly #file: FileHandle
  readonly #operations: DiskOperations
  #closed = false

  constructor(name: string, file: FileHandle, operations: DiskOperations) {
    this.name = name
    this.#file = file
    this.#operations = operations
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    return inPromise(() => this.#operations.writeStaged(this.#file, offset, bytes))
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return inPromise(() => this.#operations.readStaged(this.#file, offset, length))
  }

  fill(pieces: readonly Piece[]): Promise<readonly boolean[]> {
    return inPromise(() => this.#operations.fillOpen(this.#file, pieces))
  }

  close(): Promise<void> {
    return inPromise(() => this.#close())
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#operations.closeStaged(this.#file)
  }
}

function inPromise<T>(fn: () => T): Promise<T> {
  return new Promise(resolve => {
    resolve(fn())
  })
}
