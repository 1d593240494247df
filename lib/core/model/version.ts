import { BackerError } from '../error.js'
import { bytesOf, list, need, uint, type Codec, type CodecState } from '../codec.js'
import { hashBytes } from './hash.js'

declare const replicaBrand: unique symbol
/** One incarnation of one device's index: 8 random bytes in hexadecimal. A device that lost its index is a new replica. */
export type ReplicaId = string & { readonly [replicaBrand]: true }

export const REPLICA_BYTES = 8
/** How many replicas may ever have written one path. */
export const VECTOR_ENTRIES_MAX = 1000
/** The highest counter: far above what any device can write, far below where numbers lose precision. */
export const COUNTER_MAX = 2 ** 48

/** The name of one write: the `counter`-th of a path by `replica`. */
export interface Dot {
  readonly replica: ReplicaId
  readonly counter: number
}

/**
 * A version vector: for each replica, up to which counter its writes of a path have been seen. Sorted by replica, every
 * counter at least 1. Source: Parker et al., "Detection of mutual inconsistency in distributed systems", 1983.
 */
export type VersionVector = readonly Dot[]

export const EMPTY_VECTOR: VersionVector = []

/** The replica id that 8 bytes are. */
export function replicaFromBytes(bytes: Uint8Array): ReplicaId {
  return Buffer.from(bytes.buffer, bytes.byteOffset, REPLICA_BYTES).toString('hex') as ReplicaId
}

/** The counter that `vector` has for `replica`; 0 where it has none. */
export function counterOf(vector: VersionVector, replica: ReplicaId): number {
  for (const dot of vector) if (dot.replica === replica) return dot.counter
  return 0
}

/** True where `vector` has seen the write `dot`. */
export function hasSeen(vector: VersionVector, dot: Dot): boolean {
  return counterOf(vector, dot.replica) >= dot.counter
}

/** The vector that has seen what either has. */
export function joinVectors(a: VersionVector, b: VersionVector): VersionVector {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const joined: Dot[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const x = a[i]
    const y = b[j]
    if (x !== undefined && (y === undefined || x.replica < y.replica)) {
      joined.push(x)
      i++
    } else if (y !== undefined && (x === undefined || y.replica < x.replica)) {
      joined.push(y)
      j++
    } else if (x !== undefined && y !== undefined) {
      joined.push(x.counter >= y.counter ? x : y)
      i++
      j++
    }
  }
  return joined
}

/**
 * The next write of `replica` at a path where `context` has been seen. Somebody who may write can run a counter up to its end, for another
 * device too: that device then goes on under a name made from its own, so that nobody loses the right to write. `least`: the counter is no less.
 */
export function nextDot(context: VersionVector, replica: ReplicaId, least = 1): Dot {
  let by = replica
  while (counterOf(context, by) >= COUNTER_MAX) by = replicaFromBytes(hashBytes(Buffer.from(`replica after ${by}`)))
  return { replica: by, counter: Math.min(COUNTER_MAX, Math.max(counterOf(context, by) + 1, least)) }
}

/** The vector with `dot` seen as well. */
export function seeDot(vector: VersionVector, dot: Dot): VersionVector {
  return joinVectors(vector, [dot])
}

/** The order of dots: by replica, then by counter. */
export function compareDots(a: Dot, b: Dot): number {
  if (a.replica !== b.replica) return a.replica < b.replica ? -1 : 1
  return a.counter - b.counter
}

export function dotsEqual(a: Dot, b: Dot): boolean {
  return a.counter === b.counter && a.replica === b.replica
}

/** How many replicas are kept in mind: a folder's records name a few, each of them many thousand times. */
const REPLICAS_KNOWN = 16

interface KnownReplica {
  readonly id: ReplicaId
  readonly bytes: Uint8Array
}

const known: KnownReplica[] = []

function note(id: ReplicaId, bytes: Uint8Array): KnownReplica {
  const one = { id, bytes }
  known.unshift(one)
  if (known.length > REPLICAS_KNOWN) known.pop()
  return one
}

/** The replica whose bytes stand at `start`. */
function replicaAt(bytes: Uint8Array, start: number): ReplicaId {
  for (const one of known) if (isAt(one.bytes, bytes, start)) return one.id
  const own = Uint8Array.from(bytes.subarray(start, start + REPLICA_BYTES))
  return note(replicaFromBytes(own), own).id
}

function isAt(wanted: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < REPLICA_BYTES; i++) if (wanted[i] !== bytes[start + i]) return false
  return true
}

function bytesOfReplica(id: ReplicaId): Uint8Array {
  for (const one of known) if (one.id === id) return one.bytes
  return note(id, Buffer.from(id, 'hex')).bytes
}

/** A replica's 8 bytes, then the counter. Decoding refuses 0 and what is over COUNTER_MAX. */
export const dotCodec: Codec<Dot> = {
  preencode(state, dot) {
    state.end += REPLICA_BYTES
    uint.preencode(state, dot.counter)
  },
  encode(state, dot) {
    bytesOf(state).set(bytesOfReplica(dot.replica), state.start)
    state.start += REPLICA_BYTES
    uint.encode(state, dot.counter)
  },
  decode(state) {
    need(state, REPLICA_BYTES)
    const replica = replicaAt(bytesOf(state), state.start)
    state.start += REPLICA_BYTES
    const counter = uint.decode(state)
    if (counter < 1 || counter > COUNTER_MAX) throw new BackerError('LIMIT', 'a version counter is out of range')
    return { replica, counter }
  }
}

/** Moves past a list of dots without decoding them: for bytes that were checked when they came. */
export function skipDots(state: CodecState): void {
  for (let left = uint.decode(state); left > 0; left--) {
    state.start += REPLICA_BYTES
    uint.decode(state)
  }
}

const dots = list(dotCodec, VECTOR_ENTRIES_MAX, 'a version vector')
/** A version vector. Decoding refuses one that is not sorted or has a replica twice. */
export const vectorCodec: Codec<VersionVector> = {
  preencode: dots.preencode,
  encode: dots.encode,
  decode(state) {
    const vector = dots.decode(state)
    vector.forEach((dot, i) => {
      const before = vector[i - 1]
      if (before !== undefined && before.replica >= dot.replica)
        throw new BackerError('MALFORMED', 'a version vector is not sorted')
    })
    return vector
  }
}
