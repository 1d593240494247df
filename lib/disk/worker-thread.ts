import { Worker, type Transferable } from 'node:worker_threads'
import { BackerError, type ErrorCode } from '../core/error.js'
import { delay, type Timer, type Timers } from '../runtime.js'
import type { DiskOperations, OperationsOptions } from './operations.js'

export type OperationName = {
  [K in keyof DiskOperations]: DiskOperations[K] extends (...args: never[]) => unknown ? K : never
}[keyof DiskOperations]

export interface Task {
  readonly id: number
  readonly name: OperationName
  readonly args: readonly unknown[]
}

export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | {
      readonly id: number
      readonly ok: false
      readonly code: ErrorCode
      readonly message: string
      readonly hint: string | undefined
    }

/** What a thread says once all that it consists of is loaded. */
export const LOADED = 'loaded'

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: BackerError) => void
}

/** A thread's heap holds one batch at a time; what it would otherwise keep for young objects is memory that every thread takes. */
const LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 512 }
/** A thread that had nothing to do for this long ends, and is started again when it is needed. */
const IDLE_MS = 10_000
/** As IDLE_MS, for those that are there for much work only, and for the one that lone changes need. */
export const SPARE_IDLE_MS = 1500
export const LOOKER_IDLE_MS = 30_000
/** How many tasks may wait for a thread: far more than careful callers ever have under way. */
const WAITING_MAX = 10_000
/** How long a thread's end is waited for. One that hangs in the system, on a disk that does not answer, never ends. */
const END_MS = 2000

/**
 * One worker thread: started when it is first needed, and again if it dies. It keeps the process alive only while it has something to do.
 */
export class WorkerThread {
  readonly #options: OperationsOptions
  readonly #timers: Timers
  readonly #waiting = new Map<number, Waiting>()
  #idle: Timer | undefined
  #worker: Worker | undefined
  readonly #idleMs: number
  /** Resolves when the thread has loaded what it consists of, or is gone. */
  #loaded: Promise<void> = Promise.resolve()
  #nextId = 1
  #closed = false

  /** `idleMs`: after how long without work the thread ends. */
  constructor(options: OperationsOptions, timers: Timers, idleMs = IDLE_MS) {
    this.#options = options
    this.#timers = timers
    this.#idleMs = idleMs
  }

  /** How many tasks it has to do. */
  get load(): number {
    return this.#waiting.size
  }

  /** Has the thread load what it consists of, because there will be work for it soon. */
  begin(): void {
    if (this.#worker !== undefined || this.#closed) return
    this.#worker = this.#start()
    this.#rest()
  }

  /** True while the thread is there. */
  get isRunning(): boolean {
    return this.#worker !== undefined
  }

  /**
   * Has an operation carried out in the thread, after those that it was given before. Rejects with what it throws, FILE_SYSTEM if the
   * thread dies, LIMIT where too many wait, or CLOSED.
   */
  run<K extends OperationName>(
    name: K,
    ...args: Parameters<DiskOperations[K]>
  ): Promise<ReturnType<DiskOperations[K]>> {
    return this.hand([], name, ...args)
  }

  /** As `run`; the buffers in `handedOver` are handed over, and are of no more use to the caller. */
  hand<K extends OperationName>(
    handedOver: readonly Transferable[],
    name: K,
    ...args: Parameters<DiskOperations[K]>
  ): Promise<ReturnType<DiskOperations[K]>> {
    if (this.#closed) return Promise.reject(closed())
    if (this.#waiting.size >= WAITING_MAX)
      return Promise.reject(new BackerError('LIMIT', `over ${WAITING_MAX} tasks wait for the disk`))
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#idle?.cancel()
      this.#worker ??= this.#start()
      this.#worker.ref()
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#worker.postMessage({ id, name, args } satisfies Task, handedOver)
    })
  }

  /**
   * Ends the thread; what it was doing is over, done or not: recovery sorts that out. All that waits is rejected with CLOSED. Resolves after
   * two seconds even where the thread does not end.
   */
  async close(): Promise<void> {
    this.#closed = true
    this.#idle?.cancel()
    this.#fail(closed())
    const worker = this.#worker
    if (worker === undefined) return
    // One that is still loading must be waited for: nothing else may keep the process alive until then.
    worker.ref()
    const ended = new AbortController()
    // A thread that ends while a native module initializes itself takes the whole process along.
    const end = this.#loaded.then(() => worker.terminate()).finally(() => ended.abort())
    await Promise.race([end, delay(this.#timers, END_MS, ended.signal)])
    worker.unref()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: this.#options,
      resourceLimits: LIMITS,
      // What this process was started with may not be for a thread (`--input-type`).
      execArgv: []
    })
    this.#loaded = new Promise(resolve => {
      worker.once('message', () => resolve())
      worker.once('exit', () => resolve())
    })
    worker.on('message', (answer: Answer | typeof LOADED) => {
      if (answer !== LOADED) this.#answered(answer)
    })
    worker.on('error', error => this.#died(worker, error.message))
    worker.on('exit', () => this.#died(worker, 'it ended'))
    return worker
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0 && !this.#closed) this.#rest()
    if (answer.ok) waiting?.resolve(answer.value)
    else
      waiting?.reject(
        new BackerError(answer.code, answer.message, answer.hint === undefined ? {} : { hint: answer.hint })
      )
  }

  /** Has nothing to do, for now or for so long that it ends. */
  #rest(): void {
    const worker = this.#worker
    worker?.unref()
    this.#idle = this.#timers.after(this.#idleMs, () => {
      this.#worker = undefined
      void worker?.terminate()
    })
  }

  #died(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#fail(new BackerError('FILE_SYSTEM', `a thread that works on ${this.#options.root} died: ${reason}`))
  }

  #fail(error: BackerError): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(error)
  }
}

function closed(): BackerError {
  return new BackerError('CLOSED', 'the folder is closed')
}
