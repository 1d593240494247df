import { messageOf } from '../../lib/core/error.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import type {
  Disk,
  DiskTraits,
  Hashed,
  InstallResult,
  InstallStep,
  Listed,
  Listing,
  Recovered,
  RecoveryPaths,
  SmallFile,
  Space,
  StagedFile
} from '../../lib/disk/disk.js'
import type { CheckOrder, Checked, Extent } from '../../lib/disk/disk.js'
import type { HistoryOperations, PutAside } from '../../lib/disk/kept.js'
import type { Runtime } from '../../lib/runtime.js'
import type { Life } from './scheduler.js'

/** A disk whose every answer takes its time, so that everything else may happen in between; when its process dies, it answers no more. */
export class LaggingDisk implements Disk {
  readonly traits: DiskTraits
  readonly #disk: Disk
  readonly #runtime: Runtime
  readonly #life: Life
  readonly #onread: (path: RelativePath) => void

  /** `onread`: told when a file is read, as it is then. */
  constructor(
    disk: Disk,
    runtime: Runtime,
    parts: { readonly life: Life; readonly onread: (path: RelativePath) => void }
  ) {
    this.traits = disk.traits
    this.#disk = disk
    this.#runtime = runtime
    this.#life = parts.life
    this.#onread = parts.onread
  }

  list(
    directories: readonly (RelativePath | undefined)[],
    known?: readonly Uint8Array<ArrayBuffer>[]
  ): Promise<readonly Listing[]> {
    return this.#later(() => this.#disk.list(directories, known))
  }

  stat(paths: readonly RelativePath[]): Promise<readonly (Listed | 'unknown' | undefined)[]> {
    return this.#later(() => this.#disk.stat(paths))
  }

  hash(paths: readonly RelativePath[]): Promise<readonly Hashed[]> {
    return this.#later(() => this.#disk.hash(paths))
  }

  check(orders: readonly CheckOrder[]): Promise<readonly Checked[]> {
    return this.#later(() => this.#disk.check(orders))
  }

  damaged(limit: number): Promise<PutAside> {
    return this.#later(() => this.#disk.damaged(limit))
  }

  readMany(extents: readonly Extent[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#later(() => this.#disk.readMany(extents))
  }

  keepWritten(paths: readonly RelativePath[]): Promise<void> {
    return this.#later(() => this.#disk.keepWritten(paths))
  }

  read(path: RelativePath, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#later(() => {
      this.#onread(path)
      return this.#disk.read(path, offset, length)
    })
  }

  async stage(name: string, size: number): Promise<{ readonly file: StagedFile; readonly resumed: boolean }> {
    const { file, resumed } = await this.#later(() => this.#disk.stage(name, size))
    return { resumed, file: this.#lagging(file) }
  }

  stageSmall(files: readonly SmallFile[]): Promise<void> {
    return files.length === 0 ? Promise.resolve() : this.#later(() => this.#disk.stageSmall(files))
  }

  restage(from: string, to: string): Promise<void> {
    return this.#later(() => this.#disk.restage(from, to))
  }

  discard(names: readonly string[]): Promise<void> {
    return names.length === 0 ? Promise.resolve() : this.#later(() => this.#disk.discard(names))
  }

  install(steps: readonly InstallStep[], intent?: Uint8Array): Promise<readonly InstallResult[]> {
    return this.#later(() => this.#disk.install(steps, intent))
  }

  leftovers(): ReturnType<Disk['leftovers']> {
    return this.#later(() => this.#disk.leftovers())
  }

  recover(known: RecoveryPaths): Promise<Recovered> {
    return this.#later(() => this.#disk.recover(known))
  }

  history<K extends keyof HistoryOperations>(
    name: K,
    ...args: Parameters<HistoryOperations[K]>
  ): Promise<ReturnType<HistoryOperations[K]>> {
    return this.#later(() => this.#disk.history(name, ...args))
  }

  checkMarker(): Promise<boolean> {
    return this.#later(() => this.#disk.checkMarker())
  }

  space(): Promise<Space> {
    return this.#later(() => this.#disk.space())
  }

  close(): Promise<void> {
    return this.#later(() => this.#disk.close())
  }

  #lagging(file: StagedFile): StagedFile {
    return {
      name: file.name,
      write: (offset, bytes) => this.#later(() => file.write(offset, bytes)),
      read: (offset, length) => this.#later(() => file.read(offset, length)),
      fill: pieces => this.#later(() => file.fill(pieces)),
      close: () => this.#later(() => file.close())
    }
  }

  #later<T>(work: () => Promise<T>): Promise<T> {
    const { random, timers } = this.#runtime
    const delayMs = random.below(20) === 0 ? random.below(40) : random.below(3)
    return new Promise((resolve, reject) => {
      timers.after(delayMs, () => {
        work().then(
          value => {
            if (!this.#life.isOver) resolve(value)
          },
          (error: unknown) => {
            if (!this.#life.isOver) reject(error instanceof Error ? error : new Error(messageOf(error)))
          }
        )
      })
    })
  }
}
