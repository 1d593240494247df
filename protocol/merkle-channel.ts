import { BackerError } from '../lib/core/error.js'
import { hashBytes, hashesEqual, type Hash } from '../lib/core/model/hash.js'
import { NODE_REQUESTS_OPEN, NODES_ANSWER_BYTES, NODES_PER_REQUEST, RELAYED_HEADS } from './limits.js'
import {
  headCodec,
  nodesAnswerCodec,
  nodesRequestCodec,
  relayedHeadsCodec,
  type NodesAnswer,
  type NodesRequest
} from './messages.js'
import type { HeadUpdate, PeerHandlers } from './peer-link.js'
import type { Wire } from './wire.js'

type Nodes = readonly (Uint8Array | undefined)[]

interface Asked {
  readonly content: Hash | undefined
  readonly hashes: readonly Hash[]
  readonly got: (Uint8Array | undefined)[]
  /** Nobody waits for it any more, but its answer is still to come. */
  isGivenUp: boolean
  readonly resolve: (nodes: Nodes) => void
  readonly reject: (error: BackerError) => void
}

/** The Merkle channel of one folder with one peer: heads, and nodes of trees by their hashes. */
export class MerkleChannel {
  readonly #wire: Wire
  readonly #handlers: () => PeerHandlers
  /** In the order in which they are asked, and answered. */
  readonly #asked = new Map<number, Asked>()
  /** How many of them somebody waits for, and until when the next part of an answer must have come. */
  #waiting = 0
  #deadline = Infinity
  /** Requests that wait because the peer has as many as it takes. */
  readonly #unsent: number[] = []
  #open = 0
  readonly #toAnswer: NodesRequest[] = []
  /** The requests of the peer that are not answered to their end. */
  readonly #owed = new Set<number>()
  #answering = false
  #nextId = 1
  readonly #head: (update: HeadUpdate) => void
  readonly #relay: (heads: readonly Uint8Array[]) => void
  readonly #request: (request: NodesRequest) => void
  readonly #answer: (answer: NodesAnswer) => void

  constructor(wire: Wire, handlers: () => PeerHandlers) {
    this.#wire = wire
    this.#handlers = handlers
    this.#head = wire.message(headCodec, 'a head', update => this.#handlers().onHead(update))
    this.#relay = wire.message(relayedHeadsCodec, 'passed-on heads', heads => this.#handlers().onRelayedHeads(heads))
    this.#request = wire.message(nodesRequestCodec, 'a request for nodes', request => this.#requested(request))
    this.#answer = wire.message(nodesAnswerCodec, 'nodes', answer => this.#answered(answer))
  }

  get waiting(): number {
    return this.#waiting
  }

  sendHead(update: HeadUpdate): void {
    this.#head(update)
  }

  relayHeads(heads: readonly Uint8Array[]): void {
    for (let start = 0; start < heads.length; start += RELAYED_HEADS)
      this.#relay(heads.slice(start, start + RELAYED_HEADS))
  }

  /** Asks for nodes; see PeerLink. What is over what a peer takes at once goes out in several requests, and these one by one. */
  async request(content: Hash | undefined, hashes: readonly Hash[]): Promise<Nodes> {
    const parts: Promise<Nodes>[] = []
    for (let start = 0; start < hashes.length; start += NODES_PER_REQUEST)
      parts.push(this.#ask(content, hashes.slice(start, start + NODES_PER_REQUEST)))
    return (await Promise.all(parts)).flat()
  }

  #ask(content: Hash | undefined, hashes: readonly Hash[]): Promise<Nodes> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#asked.set(id, { content, hashes, got: [], resolve, reject, isGivenUp: false })
      if (this.#waiting++ === 0) this.#deadline = this.#wire.expectAnswer()
      this.#unsent.push(id)
      this.#sendMore()
    })
  }

  #sendMore(): void {
    while (this.#open < NODE_REQUESTS_OPEN) {
      const id = this.#unsent.shift()
      const asked = id === undefined ? undefined : this.#asked.get(id)
      if (id === undefined || asked === undefined) return
      this.#open++
      this.#request({ id, content: asked.content, hashes: asked.hashes })
    }
  }

  /** Gives up whatever waits where the next part of an answer has not come in time. */
  expire(now: number, error: BackerError): void {
    if (now <= this.#deadline) return
    const waiting = [...this.#asked.values()].filter(({ isGivenUp }) => !isGivenUp)
    for (const id of this.#unsent.splice(0)) this.#asked.delete(id)
    this.#waiting = 0
    for (const asked of waiting) {
      asked.isGivenUp = true
      asked.reject(error)
    }
  }

  /** Rejects whatever waits. */
  fail(error: BackerError): void {
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    this.#waiting = 0
    this.#unsent.length = this.#toAnswer.length = 0
    this.#owed.clear()
    for (const { reject } of asked) reject(error)
  }

  #answered({ id, offset, nodes }: NodesAnswer): void {
    const [next] = this.#asked
    const asked = next?.[1]
    if (
      asked === undefined ||
      this.#open === 0 ||
      id !== next?.[0] ||
      offset !== asked.got.length ||
      nodes.length === 0 ||
      offset + nodes.length > asked.hashes.length
    ) {
      throw new BackerError('PEER_MISBEHAVED', 'the peer gave nodes that nobody asked for')
    }
    this.#wire.answerCame()
    this.#deadline = this.#wire.expectAnswer()
    nodes.forEach((bytes, i) => {
      const hash = asked.hashes[offset + i]
      if (bytes.byteLength > 0 && (hash === undefined || !hashesEqual(hashBytes(bytes), hash))) {
        throw new BackerError('PEER_MISBEHAVED', 'the peer gave a node that does not have the hash that was asked for')
      }
      asked.got.push(bytes.byteLength === 0 ? undefined : bytes)
    })
    if (asked.got.length < asked.hashes.length) return
    this.#asked.delete(id)
    this.#open--
    if (!asked.isGivenUp) this.#waiting--
    asked.resolve(asked.got)
    this.#sendMore()
  }

  #requested(request: NodesRequest): void {
    if (request.hashes.length === 0) throw new BackerError('PEER_MISBEHAVED', 'the peer asked for no nodes at all')
    if (this.#owed.has(request.id))
      throw new BackerError('PEER_MISBEHAVED', 'the peer gave two requests the same number')
    if (this.#owed.size >= NODE_REQUESTS_OPEN)
      throw new BackerError('PEER_MISBEHAVED', 'the peer asked for more nodes than it may at once')
    this.#owed.add(request.id)
    this.#toAnswer.push(request)
    if (!this.#answering) void this.#answerAll()
  }

  async #answerAll(): Promise<void> {
    this.#answering = true
    try {
      for (let request = this.#toAnswer.shift(); request !== undefined; request = this.#toAnswer.shift())
        await this.#answerOne(request)
    } catch (error) {
      this.#wire.endFor(error)
    } finally {
      this.#answering = false
    }
  }

  /** Answers in parts, each made only when the one before has had its turn. */
  async #answerOne({ id, content, hashes }: NodesRequest): Promise<void> {
    for (let offset = 0; offset < hashes.length && !this.#wire.closed;) {
      const handlers = this.#handlers()
      const part: Uint8Array[] = []
      let bytes = 0
      for (let i = offset; i < hashes.length; i++) {
        const one = hashes.slice(i, i + 1)
        const [node = new Uint8Array(0)] = await (content === undefined
          ? handlers.onNodes(one)
          : handlers.onContentNodes(content, one))
        if (part.length > 0 && bytes + node.byteLength > NODES_ANSWER_BYTES) break
        part.push(node)
        bytes += node.byteLength
      }
      const answer = { id, offset, nodes: part }
      offset += part.length
      await this.#wire.inTurn(() => {
        if (offset === hashes.length) this.#owed.delete(id)
        this.#answer(answer)
      })
    }
  }
}
