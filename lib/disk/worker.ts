import { parentPort, workerData } from 'node:worker_threads'
import { isBackerError, messageOf } from '../core/error.js'
import type { SegmentRead } from './hash.js'
import { loadLibc } from './libc.js'
import { openFileSystem } from './open-filesystem.js'
import { DiskOperations, type OperationsOptions } from './operations.js'
import { buffersOf, type PackedListings } from './pack.js'
import { buffersOfHashed, type PackedHashed } from './pack-hashed.js'
import { buffersOfLooks, type PackedLooks } from './pack-looks.js'
import { buffersOfReads, type PackedReads } from './pack-reads.js'
import { buffersOfResults, type PackedResults } from './pack-steps.js'
import { fatalOf } from './problem.js'
import type { Joined } from './segments.js'
import { makeSettle } from './settle.js'
import { LOADED, type Answer, type OperationName, type Task } from './worker-thread.js'

/** A worker thread: carries out one operation after another on one folder and sends back what came of it. */
const operations = new DiskOperations(openFileSystem(), workerData as OperationsOptions, makeSettle(loadLibc()))

parentPort?.on('message', (task: Task) => {
  const answer = carryOut(task)
  parentPort?.postMessage(answer, answer.ok ? handedOver(task.name, answer.value) : [])
})

parentPort?.postMessage(LOADED)

function carryOut({ id, name, args }: Task): Answer {
  try {
    const operation = operations[name].bind(operations) as (...args: readonly unknown[]) => unknown
    return { id, ok: true, value: operation(...args) }
  } catch (error) {
    const told = fatalOf(error)
    const { code, hint } = isBackerError(told) ? told : { code: 'FILE_SYSTEM' as const, hint: undefined }
    return { id, ok: false, code, message: messageOf(told), hint }
  }
}

/** The buffers of an answer that are handed over instead of being copied: those that hold nothing else. */
function handedOver(name: OperationName, value: unknown): ArrayBuffer[] {
  if (name === 'listPacked') return buffersOf(value as PackedListings)
  if (name === 'statPacked') return buffersOfLooks(value as PackedLooks)
  if (name === 'installPacked') return buffersOfResults(value as PackedResults)
  if (name === 'readPacked') return buffersOfReads(value as PackedReads)
  if (name === 'hashSegment') {
    const read = value as SegmentRead
    return read.kind === 'segment' ? wholeBuffers([read.chunks]) : []
  }
  if (name === 'joinSegments') {
    const joined = value as Joined
    return joined.kind === 'joined' ? wholeBuffers([joined.chunks]) : []
  }
  if (name === 'hashUpTo') {
    const hashed = value as PackedHashed
    return [...buffersOfHashed(hashed), ...wholeBuffers(hashed.others.map(other => chunksOf(other)))]
  }
  return []
}

function chunksOf(hashed: PackedHashed['others'][number]): Uint8Array | undefined {
  return hashed?.kind === 'hashed' ? hashed.chunks : undefined
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
