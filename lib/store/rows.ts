import type { Database } from 'lmdb'
import { BackerError, isBackerError } from '../core/error.js'
import { hashBytes } from '../core/model/hash.js'
import { spanOf, type Span } from '../core/span.js'
import { putChecksum, SHORT_BYTES_MAX, SUM_BYTES } from './checksum.js'
import { damaged, storeError } from './failure.js'

/** How many rows are read or written in one turn of the event loop where it does not matter whether they come together. */
export const ROWS_PER_TURN = 4000

/** Which rows to read: from `start`, up to but without `end`. */
export interface Range {
  readonly start?: Uint8Array
  readonly end?: Uint8Array
  readonly limit?: number
}

export interface Row {
  readonly key: Uint8Array
  readonly value: Buffer
}

/** What the tables of one index have in common. */
export interface IndexState {
  /** Has LMDB make one transaction of all that is written meanwhile: all of it is committed, or nothing. Rejects with what LMDB throws. */
  readonly inOneTransaction: (write: () => void) => Promise<unknown>
  /** Set before the file is closed: LMDB ends a process that writes into a closed one. */
  isClosed: boolean
  /** What was found wrong, or could not be written. */
  failure: BackerError | undefined
  /** Told of the first failure, and of the first damage. */
  onfailure: (error: BackerError) => void
}

/**
 * One table: bytes to bytes, in the order of the keys' bytes, each value with a checksum of value and key behind it that is verified whenever
 * it is read: neither damage nor a value in another one's place goes unnoticed.
 */
export class Rows {
  readonly #rows: Database<Buffer, Uint8Array>
  readonly #name: string
  readonly #state: IndexState

  constructor(rows: Database<Buffer, Uint8Array>, name: string, state: IndexState) {
    this.#rows = rows
    this.#name = name
    this.#state = state
  }

  /** Throws STORE_CORRUPT where the value is not what was written, STORE_CLOSED after the end. */
  get(key: Uint8Array): Buffer | undefined {
    const sealed = guard(this.#state, () => this.#rows.get(key))
    return sealed === undefined ? undefined : this.#open(key, sealed)
  }

  /** What `read` makes of a value, which holds no longer than the call: it is not copied. Throws as `get` does. */
  read<T>(key: Uint8Array, read: (value: Buffer) => T): T | undefined {
    const sealed = guard(this.#state, () => this.#rows.getBinaryFast(key))
    // The library's own buffer: so much of it is the value.
    return sealed === undefined ? undefined : read(this.#open(key, sealed.subarray(0, sealed.length)))
  }

  /** Throws as `get` does, and never reads more than it is asked for. */
  *range(range: Range): Generator<Row, void, undefined> {
    for (const { key, value } of readEach(this.#state, () => this.#rows.getRange(range)))
      yield { key, value: this.#open(key, value) }
  }

  /** All keys in order. Throws as `get` does, but for the values, which are not read. */
  *keys(): Generator<Uint8Array, void, undefined> {
    yield* readEach(this.#state, () => this.#rows.getKeys({}))
  }

  /** Only for a Batch: nothing is known of the outcome before its promise has settled. */
  put(key: Uint8Array, value: Uint8Array): Promise<unknown> {
    return this.#rows.put(key, sealed(key, value))
  }

  /** Only for a Batch. */
  remove(key: Uint8Array): Promise<unknown> {
    return this.#rows.remove(key)
  }

  #open(key: Uint8Array, bytes: Buffer): Buffer {
    const value = bytes.subarray(0, Math.max(0, bytes.byteLength - SUM_BYTES))
    if (isSealed(spanOf(key), spanOf(value), bytes)) return value
    throw damagedRow(this.#state, this.#name)
  }
}

/** What reading a row says that is not what was written; the index has failed with it. */
export function damagedRow(state: IndexState, table: string): BackerError {
  return failed(state, damaged(`a row of its table "${table}" is not what was written`))
}

/** What `read` finds, one by one. Throws STORE_CLOSED after the end, STORE_CORRUPT where LMDB can't read on. */
export function* readEach<T>(state: IndexState, read: () => Iterable<T>): Generator<T, void, undefined> {
  const found = guard(state, () => read()[Symbol.iterator]())
  try {
    for (;;) {
      const next = guard(state, () => found.next())
      if (next.done === true) return
      yield next.value
    }
  } finally {
    found.return?.()
  }
}

function guard<T>(state: IndexState, read: () => T): T {
  if (state.isClosed) throw new BackerError('STORE_CLOSED', 'the index is closed')
  try {
    return read()
  } catch (error) {
    throw failed(state, storeError(error))
  }
}

/** Writes that become durable together, or not at all. Nothing is written before all of them are known. */
export class Batch {
  readonly #steps: { readonly rows: Rows; readonly key: Uint8Array; readonly value: Uint8Array | undefined }[] = []

  put(rows: Rows, key: Uint8Array, value: Uint8Array): void {
    this.#steps.push({ rows, key, value })
  }

  remove(rows: Rows, key: Uint8Array): void {
    this.#steps.push({ rows, key, value: undefined })
  }

  /** Writes it. Resolves when it is durable. Throws what LMDB throws. */
  async write({ inOneTransaction }: IndexState): Promise<void> {
    // Each write has a promise too, which may be one of several. All of them must be waited for, or a failure ends the process.
    const settled = new Set<Promise<unknown>>()
    settled.add(
      inOneTransaction(() => {
        for (const { rows, key, value } of this.#steps)
          settled.add(value === undefined ? rows.remove(key) : rows.put(key, value))
      })
    )
    await Promise.all(settled)
  }
}

/**
 * Writes what `fill` puts into the batch, all of it or nothing. Throws STORE_CLOSED; FILE_SYSTEM where the disk does not take it (full, failing), which
 * leaves the index as it was; STORE_CORRUPT where LMDB finds its file damaged.
 */
export async function write(state: IndexState, fill: (batch: Batch) => void): Promise<void> {
  if (state.isClosed) throw new BackerError('STORE_CLOSED', 'the index is closed')
  if (isBackerError(state.failure, 'STORE_CORRUPT')) throw state.failure
  const batch = new Batch()
  fill(batch)
  try {
    await batch.write(state)
  } catch (error) {
    throw failed(state, storeError(await commitErrorOf(error)))
  }
}

/** Writes any number of rows, some in each turn of the event loop: they need not come together. Throws as `write` does. */
export async function writeInTurns<T>(
  state: IndexState,
  items: readonly T[],
  fill: (batch: Batch, item: T) => void
): Promise<void> {
  for (let start = 0; start < items.length; start += ROWS_PER_TURN) {
    await write(state, batch => {
      for (const item of items.slice(start, start + ROWS_PER_TURN)) fill(batch, item)
    })
  }
}

/** Why LMDB could not commit: it tells that in a second promise, which ends the process if nobody looks at it. */
async function commitErrorOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  return Promise.resolve(error.commitError).catch((cause: unknown) => cause)
}

function failed(state: IndexState, error: BackerError): BackerError {
  const isWorse = error.code === 'STORE_CORRUPT' && state.failure?.code !== 'STORE_CORRUPT'
  if (state.failure === undefined || isWorse) {
    state.failure = error
    state.onfailure(error)
  }
  return error
}

function sealed(key: Uint8Array, value: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(value.byteLength + SUM_BYTES)
  bytes.set(value)
  putSum(bytes, value.byteLength, spanOf(key), spanOf(value))
  return bytes
}

const sum = new Uint8Array(SUM_BYTES)

/** True where `bytes`, of which the value is a part, have its checksum right behind it. */
export function isSealed(key: Readonly<Span>, value: Readonly<Span>, bytes: Uint8Array): boolean {
  putSum(sum, 0, key, value)
  for (let i = 0; i < SUM_BYTES; i++) if (sum[i] !== bytes[value.end + i]) return false
  return true
}

function putSum(into: Uint8Array, offset: number, key: Readonly<Span>, value: Readonly<Span>): void {
  const { bytes, start, end } = value
  if (end - start <= SHORT_BYTES_MAX) putChecksum(into, offset, key, value)
  else putChecksum(into, offset, key, spanOf(hashBytes(bytes.subarray(start, end))))
}
