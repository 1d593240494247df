import { parentPort, workerData } from 'node:worker_threads'
import { isBackerError, messageOf } from '../core/error.js'
import type { Stamp } from '../core/model/stamp.js'
import type { Hashed } from './disk.js'
import { openFileSystem } from './open-filesystem.js'
import { DiskOperations, type OperationsOptions } from './operations.js'
import { buffersOf, type PackedListings } from './pack.js'
import type { Answer, OperationName, Task } from './worker-thread.js'

/** A worker thread: carries out one operation after another on one folder and sends back what came of it. */
const operations = new DiskOperations(openFileSystem(), workerData as OperationsOptions, settle)

/** The longest tick of the clock that Linux takes file times from: 100 Hz, and some. */
const TICK_MS = 12
const clock = new Int32Array(new SharedArrayBuffer(4))

parentPort?.on('message', (task: Task) => {
  const answer = carryOut(task)
  parentPort?.postMessage(answer, answer.ok ? handedOver(task.name, answer.value) : [])
})

function carryOut({ id, name, args }: Task): Answer {
  try {
    const operation = operations[name].bind(operations) as (...args: readonly unknown[]) => unknown
    return { id, ok: true, value: operation(...args) }
  } catch (error) {
    const code = isBackerError(error) ? error.code : 'FILE_SYSTEM'
    const hint = isBackerError(error) ? error.hint : undefined
    return { id, ok: false, code, message: messageOf(error), hint }
  }
}

/** The buffers of an answer that are handed over instead of being copied: those that hold nothing else. */
function handedOver(name: OperationName, value: unknown): ArrayBuffer[] {
  if (name === 'listPacked') return buffersOf(value as PackedListings).filter(isPlain)
  if (name === 'readMany') return sharedBuffers(value as readonly (Uint8Array | undefined)[])
  if (name === 'hash')
    return wholeBuffers(
      (value as readonly Hashed[]).map(hashed => (hashed.kind === 'hashed' ? hashed.chunks : undefined))
    )
  return []
}

/** The buffers that pieces lie in, which hold nothing else. */
function sharedBuffers(pieces: readonly (Uint8Array | undefined)[]): ArrayBuffer[] {
  return [...new Set(pieces.flatMap(piece => (piece === undefined ? [] : [piece.buffer])))].filter(isPlain)
}

function wholeBuffers(pieces: readonly (Uint8Array | undefined)[]): ArrayBuffer[] {
  return pieces
    .filter(bytes => bytes?.byteLength === bytes?.buffer.byteLength)
    .flatMap(bytes => (bytes === undefined ? [] : [bytes.buffer]))
    .filter(isPlain)
}

function isPlain(buffer: ArrayBufferLike): buffer is ArrayBuffer {
  return buffer instanceof ArrayBuffer
}

/**
 * See `Settle`. LIMIT: on file systems whose times are coarser than a tick (FAT, HFS+, ext3), a write that keeps the size and comes within
 * the same second or two as the one before it may not be seen before the next. Linux 6.13 and later make no two writes look the same.
 */
function settle({ ctimeNs }: Stamp): boolean {
  const ageMs = Date.now() - Number(ctimeNs / 1_000_000n)
  if (ageMs < 0 || ageMs > TICK_MS) return false
  Atomics.wait(clock, 0, 0, TICK_MS + 1 - ageMs)
  return true
}
