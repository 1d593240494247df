import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { BackerError, messageOf } from '../core/error.js'
import type { ErrorDocument } from '../daemon/document.js'
import { systemCode } from '../home/private-file.js'
import { findSocket } from '../home/socket.js'
import { isErrorCode } from './exit.js'

/** How long an answer may take that waits for nothing. */
export const ANSWER_TIMEOUT_MS = 30_000

/** What is asked of the process that runs a home. */
export interface Question {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
  readonly timeoutMs?: number
}

/**
 * The document that the process which runs `home` answers with; undefined where it has nothing to say. Throws NOT_RUNNING where there is none, TIMEOUT where it
 * does not answer, and what it refuses.
 */
export async function ask(home: string, question: Question): Promise<unknown> {
  const socketPath = await findSocket(home)
  try {
    const response = await send(socketPath, question)
    const said = await text(response)
    if (response.statusCode === 204) return undefined
    const document = JSON.parse(said) as unknown
    if (response.statusCode === 200) return document
    throw refusalOf(document as Partial<ErrorDocument>)
  } catch (error) {
    throw explain(error)
  }
}

/** The lines of an answer that goes on until `signal` aborts. Throws NOT_RUNNING when the process ends. */
export async function* lines(home: string, path: string, signal: AbortSignal): AsyncGenerator<string> {
  if (signal.aborted) return
  const socketPath = await findSocket(home)
  try {
    const response = await listen(socketPath, path, signal)
    for await (const line of createInterface(response)) yield line
  } catch (error) {
    if (isAborted(signal)) return
    throw explain(error)
  }
  if (!isAborted(signal)) throw explain(new BackerError('NOT_RUNNING', 'the running backer has ended'))
}

function send(socketPath: string, question: Question): Promise<IncomingMessage> {
  const { method, path, body, timeoutMs = ANSWER_TIMEOUT_MS } = question
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const headers =
    payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const sent = httpRequest({ socketPath, method, path, headers, signal, agent: false }, resolve)
    sent.once('error', reject)
    sent.end(payload)
  })
}

function listen(socketPath: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ socketPath, path, signal, agent: false }, resolve)
    sent.once('error', reject)
    sent.end()
  })
}

/** Asked by a call, because it changes while something else is awaited. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}

function refusalOf({ name, message, hint, path, peer }: Partial<ErrorDocument>): BackerError {
  return new BackerError(isErrorCode(name) ? name : 'INTERNAL', message ?? 'the running backer refused', {
    ...(hint === undefined ? {} : { hint }),
    ...(path === undefined ? {} : { path }),
    ...(peer === undefined ? {} : { peer })
  })
}

function explain(error: unknown): BackerError {
  if (error instanceof BackerError) return error
  const code = systemCode(error)
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK' || code === 'ECONNRESET') {
    return new BackerError('NOT_RUNNING', 'backer is not running', {
      hint: 'Begin with backer share DIR or backer join DIR; backer daemon starts it by itself.',
      cause: error
    })
  }
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError'))
    return new BackerError('TIMEOUT', 'the running backer did not answer', { cause: error })
  return new BackerError('INTERNAL', `the running backer gave an answer that makes no sense: ${messageOf(error)}`, {
    cause: error
  })
}
