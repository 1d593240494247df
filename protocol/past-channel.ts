import { BackerError } from '../lib/core/error.js'
import type { RelativePath } from '../lib/core/model/path.js'
import { PAST_REQUESTS_OPEN, REVISIONS_TOLD, SNAPSHOTS_TOLD } from './limits.js'
import { pastAnswerCodec, pastRequestCodec, type PastAnswer, type PastRequest } from './messages.js'
import type { Past, PeerHandlers } from './peer-link.js'
import type { Wire } from './wire.js'

interface Asked {
  readonly path: RelativePath | undefined
  /** Until when it must have been answered. */
  readonly deadline: number
  readonly resolve: (past: Past) => void
  readonly reject: (error: BackerError) => void
}

/** The past channel of one folder with one peer: what either keeps of what the folder was. */
export class PastChannel {
  readonly #wire: Wire
  readonly #handlers: () => PeerHandlers
  /** In the order in which they are asked; those behind the first PAST_REQUESTS_OPEN are not sent yet. */
  readonly #asked = new Map<number, Asked>()
  readonly #unsent: number[] = []
  /** Requests that were sent and given up: each is still answered. */
  readonly #givenUp = new Set<number>()
  #open = 0
  /** The requests of the peer that have no answer. */
  readonly #owed = new Set<number>()
  #nextId = 1
  readonly #request: (request: PastRequest) => void
  readonly #answer: (answer: PastAnswer) => void

  constructor(wire: Wire, handlers: () => PeerHandlers) {
    this.#wire = wire
    this.#handlers = handlers
    this.#request = wire.message(pastRequestCodec, 'a request for what is kept', request => this.#requested(request))
    this.#answer = wire.message(pastAnswerCodec, 'what is kept', answer => this.#answered(answer))
  }

  get waiting(): number {
    return this.#asked.size
  }

  /** See PeerLink. */
  request(path: RelativePath | undefined): Promise<Past> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#asked.set(id, { path, deadline: this.#wire.expectAnswer(), resolve, reject })
      this.#unsent.push(id)
      this.#sendMore()
    })
  }

  /** Gives up what should have been answered by now. */
  expire(now: number, error: BackerError): void {
    for (const [id, { deadline, reject }] of this.#asked) {
      if (now <= deadline) continue
      this.#asked.delete(id)
      const at = this.#unsent.indexOf(id)
      if (at >= 0) this.#unsent.splice(at, 1)
      else this.#givenUp.add(id)
      reject(error)
    }
  }

  /** Rejects whatever waits. */
  fail(error: BackerError): void {
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    this.#unsent.length = 0
    this.#owed.clear()
    for (const { reject } of asked) reject(error)
  }

  #sendMore(): void {
    while (this.#open < PAST_REQUESTS_OPEN) {
      const id = this.#unsent.shift()
      const asked = id === undefined ? undefined : this.#asked.get(id)
      if (id === undefined || asked === undefined) return
      this.#open++
      this.#request({ id, path: asked.path })
    }
  }

  #answered({ id, snapshots, revisions }: PastAnswer): void {
    const asked = this.#unsent.includes(id) ? undefined : this.#asked.get(id)
    if (asked === undefined && !this.#givenUp.delete(id))
      throw new BackerError('PEER_MISBEHAVED', 'the peer told of a past that nobody asked for')
    this.#wire.answerCame()
    this.#open--
    this.#asked.delete(id)
    asked?.resolve({ snapshots, revisions })
    this.#sendMore()
  }

  #requested(request: PastRequest): void {
    if (this.#owed.has(request.id))
      throw new BackerError('PEER_MISBEHAVED', 'the peer gave two requests the same number')
    if (this.#owed.size >= PAST_REQUESTS_OPEN)
      throw new BackerError('PEER_MISBEHAVED', 'the peer asked for more of the past than it may at once')
    this.#owed.add(request.id)
    void this.#answerOne(request)
  }

  async #answerOne({ id, path }: PastRequest): Promise<void> {
    try {
      const { snapshots, revisions } = await this.#handlers().onPast(path)
      await this.#wire.inTurn(() => {
        this.#owed.delete(id)
        this.#answer({
          id,
          snapshots: snapshots.slice(0, SNAPSHOTS_TOLD),
          revisions: revisions.slice(0, REVISIONS_TOLD)
        })
      })
    } catch (error) {
      this.#wire.endFor(error)
    }
  }
}
