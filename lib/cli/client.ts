import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { BackerError, messageOf } from '../core/error.js'
import type {
  AddedDocument,
  DaemonEvent,
  DecidedDocument,
  DeletesDocument,
  ErrorDocument,
  FolderDocument,
  RestoredDocument,
  RevisionsDocument,
  StatusDocument,
  TidiedDocument,
  WaitDocument
} from '../daemon/document.js'
import type { FolderRequest } from '../daemon/host.js'
import type { NetworkReport } from '../net/report.js'
import type { Limits } from '../net/rate.js'
import { systemCode } from '../home/private-file.js'
import { findSocket } from '../home/socket.js'
import { isErrorCode } from './exit.js'

/** How long an answer may take that waits for nothing. */
const ANSWER_TIMEOUT_MS = 30_000
/** How long what works through a whole folder may take. */
const LONG_TIMEOUT_MS = 24 * 3600 * 1000

interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
  readonly timeoutMs?: number
}

/** Talks to the process that runs a home's folders. Every call throws NOT_RUNNING where there is none, TIMEOUT where it does not answer, and what the process refuses. */
export class Client {
  readonly #home: string

  constructor(home: string) {
    this.#home = home
  }

  async status(): Promise<StatusDocument> {
    return (await this.#ask({ method: 'GET', path: '/v1/status' })) as StatusDocument
  }

  async folder(id: string): Promise<FolderDocument> {
    return (await this.#ask({ method: 'GET', path: `/v1/folders/${encodeURIComponent(id)}` })) as FolderDocument
  }

  /** Has the process run one more folder. */
  async add({ directory, key, name, createDirectory, peers }: FolderRequest): Promise<AddedDocument> {
    const body = {
      directory,
      createDirectory,
      ...(key === undefined ? {} : { key }),
      ...(name === undefined ? {} : { name }),
      ...(peers === undefined ? {} : { peers })
    }
    return (await this.#ask({ method: 'POST', path: '/v1/folders', body })) as AddedDocument
  }

  /** Waits, at most a minute, until a folder is in sync with `peers` others. `rescan` has it look at its files first. */
  async wait(id: string, question: { peers: number; seconds: number; rescan: boolean }): Promise<WaitDocument> {
    const { peers, seconds, rescan } = question
    const path = `/v1/folders/${encodeURIComponent(id)}/wait?peers=${peers}&timeout=${seconds}&rescan=${rescan}`
    const timeoutMs = seconds * 1000 + ANSWER_TIMEOUT_MS
    return (await this.#ask({ method: 'GET', path, timeoutMs })) as WaitDocument
  }

  /** What happens from now on, until `signal` aborts. Throws NOT_RUNNING when the process ends. */
  async *events(signal: AbortSignal): AsyncGenerator<DaemonEvent> {
    if (signal.aborted) return
    const socketPath = await findSocket(this.#home)
    try {
      const response = await listen(socketPath, '/v1/events', signal)
      for await (const line of createInterface(response)) yield JSON.parse(line) as DaemonEvent
    } catch (error) {
      if (isAborted(signal)) return
      throw explain(error)
    }
    if (!isAborted(signal)) throw explain(new BackerError('NOT_RUNNING', 'the running backer has ended'))
  }

  /** How the device stands in the network; without a folder that runs there is nothing to tell. */
  async network(): Promise<Partial<NetworkReport>> {
    return (await this.#ask({ method: 'GET', path: '/v1/network' })) as Partial<NetworkReport>
  }

  async limits(): Promise<Limits> {
    return (await this.#ask({ method: 'GET', path: '/v1/limits' })) as Limits
  }

  async setLimits({ up, down, timetable, includeLan }: Limits): Promise<Limits> {
    const body = { up, down, timetable, includeLan }
    return (await this.#ask({ method: 'POST', path: '/v1/limits', body })) as Limits
  }

  /** The deletes that are held in a folder. */
  async deletes(id: string): Promise<DeletesDocument> {
    const path = `/v1/folders/${encodeURIComponent(id)}/deletes`
    return (await this.#ask({ method: 'GET', path })) as DeletesDocument
  }

  async decideDeletes(id: string, action: 'accept' | 'reject'): Promise<DecidedDocument> {
    const path = `/v1/folders/${encodeURIComponent(id)}/deletes`
    return (await this.#ask({ method: 'POST', path, body: { action } })) as DecidedDocument
  }

  async revisions(id: string, path: string): Promise<RevisionsDocument> {
    const query = new URLSearchParams({ path }).toString()
    return (await this.#ask({ method: 'GET', path: `${pathOf(id)}/revisions?${query}` })) as RevisionsDocument
  }

  async restore(id: string, body: object): Promise<RestoredDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/restore`, body, timeoutMs: LONG_TIMEOUT_MS } as const
    return (await this.#ask(question)) as RestoredDocument
  }

  async tidyRevisions(id: string): Promise<TidiedDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/revisions/tidy`, timeoutMs: LONG_TIMEOUT_MS } as const
    return (await this.#ask(question)) as TidiedDocument
  }

  async #ask(question: Question): Promise<unknown> {
    const socketPath = await findSocket(this.#home)
    try {
      const response = await send(socketPath, question)
      const document = JSON.parse(await text(response)) as unknown
      if (response.statusCode === 200) return document
      throw refusalOf(document as Partial<ErrorDocument>)
    } catch (error) {
      throw explain(error)
    }
  }
}

function pathOf(id: string): string {
  return `/v1/folders/${encodeURIComponent(id)}`
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
