import { parentPort, workerData } from 'node:worker_threads'
import { isBackerError, messageOf } from '../core/error.js'
import { DiskOperations, type OperationsOptions } from './operations.js'
import { openFileSystem } from './open-filesystem.js'
import type { Answer, OperationName, Task } from './worker-thread.js'

/** A worker thread: carries out one operation after another on one folder and sends back what came of it. */
const operations = new DiskOperations(openFileSystem(), workerData as OperationsOptions)

parentPort?.on('message', (task: Task) => {
  const answer = carryOut(task)
  parentPort?.postMessage(answer, buffersOf(answer))
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

/** What is handed over instead of being copied. */
function buffersOf(answer: Answer): ArrayBuffer[] {
  if (!answer.ok || !(answer.value instanceof Uint8Array)) return []
  const { buffer, byteLength } = answer.value
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : []
}

export type { OperationName }
