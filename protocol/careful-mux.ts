import Protomux from 'protomux'
import { uint, type CodecState } from '../lib/core/codec.js'
import { BackerError } from '../lib/core/error.js'
import type { NoiseStream } from './handshake.js'
import { CHANNEL_OPENS_MAX, MESSAGE_KINDS, UNPROVEN_REJECTIONS } from './limits.js'

/** What decides how much a peer may do. */
export interface Standing {
  /** It has proven that it knows the key of some folder. */
  readonly isProven: () => boolean
  /** Bytes of a frame. */
  readonly frameBytes: () => number
  /** This side has ended the connection: nothing that still comes counts. */
  readonly isOver: () => boolean
}

/** What Protomux says on channel 0. */
const OPEN = 1
const REJECT = 2
const CLOSE = 3

/**
 * Protomux over a stream, with bounds that it lacks: on the channels that a peer opens, on frames, and on what there is to say. Batches are
 * refused: they may hold each other, and each level costs stack. Whatever Protomux throws while it reads becomes a BackerError: it
 * takes a TypeError or RangeError for a mistake of its user and ends the process, and no peer may do that.
 */
export function carefulMux(stream: NoiseStream, standing: Standing): Protomux {
  const mux = Protomux.from(stream)
  const decode = mux._decode.bind(mux)
  let opens = 0
  mux._decode = (channel, state) => {
    if (standing.isOver()) return null
    if (state.end > standing.frameBytes()) throw new BackerError('LIMIT', 'a frame is too large')
    if (isOpening(channel, state) && ++opens > CHANNEL_OPENS_MAX) throw tooManyOpens()
    return decode(channel, state)
  }
  // What is known here costs a proof, so only what is not is counted: two devices may share any number of folders.
  const reject = mux._rejectSession.bind(mux)
  let rejections = 0
  mux._rejectSession = (info, channel) => {
    if (!standing.isProven() && ++rejections > UNPROVEN_REJECTIONS) throw tooManyOpens()
    reject(info, channel)
  }
  mux._safeDestroy = mux._safeDestroyBound = error => {
    const misbehaved = (): BackerError =>
      new BackerError('PEER_MISBEHAVED', 'the peer sent a frame that is not well formed', { cause: error })
    mux.destroy(error instanceof BackerError ? error : misbehaved())
  }
  return mux
}

/** True where a frame opens a channel. Throws PEER_MISBEHAVED where it is none that the protocol has. */
function isOpening(channel: number, { buffer, start, end }: CodecState): boolean {
  const peek: CodecState = { buffer, start, end }
  const kind = uint.decode(peek)
  if (channel > 0) {
    if (kind >= MESSAGE_KINDS) throw unknownFrame()
    return false
  }
  if (kind !== OPEN && kind !== REJECT && kind !== CLOSE) throw unknownFrame()
  if (uint.decode(peek) === 0) throw unknownFrame()
  return kind === OPEN
}

function unknownFrame(): BackerError {
  return new BackerError('PEER_MISBEHAVED', 'the peer sent a frame that the protocol does not have')
}

function tooManyOpens(): BackerError {
  return new BackerError('LIMIT', 'the peer opened too many channels')
}
