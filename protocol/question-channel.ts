import { BackerError } from '../lib/core/error.js'
import type { Codec } from '../lib/core/codec.js'
import type { Wire } from './wire.js'

interface Numbered {
  /** Chosen by the asker, not one that is open; the answer has the same. */
  readonly id: number
}

/** One kind of question, and how it goes over the wire. */
export interface QuestionKind<Q, A> {
  readonly request: Codec<Q & Numbered>
  readonly answer: Codec<A & Numbered>
  /** How many questions of one side may be without an answer. */
  readonly openMax: number
  /** What is asked, for people. */
  readonly what: string
  /** Answers the peer's question. What it throws ends the connection. */
  readonly answerTo: (question: Q) => Promise<A>
}

interface Asked<Q, A> {
  readonly question: Q
  /** Until when it must have been answered. */
  readonly deadline: number
  readonly resolve: (answer: A) => void
  readonly reject: (error: BackerError) => void
}

/** Questions of one kind that two peers ask each other: each gets one answer, in any order. */
export class QuestionChannel<Q, A> {
  readonly #wire: Wire
  readonly #kind: QuestionKind<Q, A>
  /** In the order in which they are asked; those behind the first `openMax` are not sent yet. */
  readonly #asked = new Map<number, Asked<Q, A>>()
  readonly #unsent: number[] = []
  /** Questions that were sent and given up: each is still answered. */
  readonly #givenUp = new Set<number>()
  #open = 0
  /** The questions of the peer that have no answer. */
  readonly #owed = new Set<number>()
  #nextId = 1
  readonly #request: (request: Q & Numbered) => void
  readonly #answer: (answer: A & Numbered) => void

  constructor(wire: Wire, kind: QuestionKind<Q, A>) {
    this.#wire = wire
    this.#kind = kind
    this.#request = wire.message(kind.request, `a question about ${kind.what}`, request => this.#requested(request))
    this.#answer = wire.message(kind.answer, `an answer about ${kind.what}`, answer => this.#answered(answer))
  }

  get waiting(): number {
    return this.#asked.size
  }

  /** The peer's answer. Rejects with PEER_GONE or TIMEOUT. */
  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#asked.set(id, { question, deadline: this.#wire.expectAnswer(), resolve, reject })
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
    while (this.#open < this.#kind.openMax) {
      const id = this.#unsent.shift()
      const asked = id === undefined ? undefined : this.#asked.get(id)
      if (id === undefined || asked === undefined) return
      this.#open++
      this.#request({ ...asked.question, id })
    }
  }

  #answered(answer: A & Numbered): void {
    const { id } = answer
    const asked = this.#unsent.includes(id) ? undefined : this.#asked.get(id)
    if (asked === undefined && !this.#givenUp.delete(id))
      throw new BackerError('PEER_MISBEHAVED', `the peer answered about ${this.#kind.what}, which nobody asked for`)
    this.#wire.answerCame()
    this.#open--
    this.#asked.delete(id)
    asked?.resolve(answer)
    this.#sendMore()
  }

  #requested(request: Q & Numbered): void {
    if (this.#owed.has(request.id))
      throw new BackerError('PEER_MISBEHAVED', 'the peer gave two requests the same number')
    if (this.#owed.size >= this.#kind.openMax)
      throw new BackerError('PEER_MISBEHAVED', `the peer asked about ${this.#kind.what} more often than it may at once`)
    this.#owed.add(request.id)
    void this.#answerOne(request)
  }

  async #answerOne(request: Q & Numbered): Promise<void> {
    try {
      const answer = await this.#kind.answerTo(request)
      await this.#wire.inTurn(() => {
        this.#owed.delete(request.id)
        this.#answer({ ...answer, id: request.id })
      })
    } catch (error) {
      this.#wire.endFor(error)
    }
  }
}
