import type { RelativePath } from '../core/model/path.js'

/** How many paths, and how many reasons, a report names. */
const SAMPLE = 20
const REASONS_TOLD = 1000

/** A file that stayed, or did not come, and why. */
export interface Reason {
  readonly path: RelativePath
  readonly message: string
}

/** What dropping files did, or would do. */
export interface DropReport {
  readonly dryRun: boolean
  readonly dropped: number
  /** Bytes of the files that were dropped. */
  readonly bytes: number
  /** How many were dropped before. */
  readonly unchanged: number
  /** Some of the paths that were dropped. */
  readonly sample: readonly RelativePath[]
  readonly keptCount: number
  /** The first of those that stayed. */
  readonly kept: readonly Reason[]
}

/** Counts what dropping does. */
export class DropCount {
  readonly #isDryRun: boolean
  #dropped = 0
  #bytes = 0
  #unchanged = 0
  #keptCount = 0
  readonly #sample: RelativePath[] = []
  readonly #kept: Reason[] = []

  constructor(isDryRun: boolean) {
    this.#isDryRun = isDryRun
  }

  dropped(path: RelativePath, bytes: number): void {
    this.#dropped++
    this.#bytes += bytes
    if (this.#sample.length < SAMPLE) this.#sample.push(path)
  }

  unchanged(): void {
    this.#unchanged++
  }

  kept(path: RelativePath, message: string): void {
    this.#keptCount++
    if (this.#kept.length < REASONS_TOLD) this.#kept.push({ path, message })
  }

  report(): DropReport {
    return {
      dryRun: this.#isDryRun,
      dropped: this.#dropped,
      bytes: this.#bytes,
      unchanged: this.#unchanged,
      sample: this.#sample,
      keptCount: this.#keptCount,
      kept: this.#kept
    }
  }
}

/** What fetching dropped files did. */
export interface GetReport {
  readonly fetched: number
  /** Bytes of the files that were fetched. */
  readonly bytes: number
  /** How many were here already. */
  readonly unchanged: number
  readonly failedCount: number
  /** The first of those that could not be had. */
  readonly failed: readonly Reason[]
}

/** Counts what fetching does. */
export class GetCount {
  #fetched = 0
  #bytes = 0
  #unchanged = 0
  #failedCount = 0
  readonly #failed: Reason[] = []

  fetched(bytes: number): void {
    this.#fetched++
    this.#bytes += bytes
  }

  unchanged(): void {
    this.#unchanged++
  }

  failed(path: RelativePath, message: string): void {
    this.#failedCount++
    if (this.#failed.length < REASONS_TOLD) this.#failed.push({ path, message })
  }

  report(): GetReport {
    return {
      fetched: this.#fetched,
      bytes: this.#bytes,
      unchanged: this.#unchanged,
      failedCount: this.#failedCount,
      failed: this.#failed
    }
  }
}
