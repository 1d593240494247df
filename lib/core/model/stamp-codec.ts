import { bytesOf, int64, need, uint, type Codec, type CodecState } from '../codec.js'
import { BackerError } from '../error.js'
import type { Stamp } from './stamp.js'

const KINDS = ['file', 'directory', 'symlink', 'special'] as const
/** Device, inode, mtime and ctime: 64 bits each. */
const WORDS_BYTES = 32

/** A stamp in canonical bytes, its kind first: two are equal where their bytes are. Decoding throws MALFORMED. */
export const stampCodec: Codec<Stamp> = {
  preencode(state, stamp) {
    state.end += 1 + WORDS_BYTES
    uint.preencode(state, stamp.size)
    uint.preencode(state, stamp.mode)
  },
  encode(state, stamp) {
    bytesOf(state)[state.start++] = KINDS.indexOf(stamp.kind)
    for (const value of [stamp.device, stamp.inode, stamp.mtimeNs, stamp.ctimeNs])
      int64.encode(state, BigInt.asIntN(64, value))
    uint.encode(state, stamp.size)
    uint.encode(state, stamp.mode)
  },
  decode(state) {
    const kind = decodeKind(state)
    const device = BigInt.asUintN(64, int64.decode(state))
    const inode = BigInt.asUintN(64, int64.decode(state))
    const mtimeNs = int64.decode(state)
    const ctimeNs = int64.decode(state)
    return { kind, device, inode, mtimeNs, ctimeNs, size: uint.decode(state), mode: uint.decode(state) }
  }
}

/** Passes over a stamp: gives its kind alone. Throws MALFORMED. */
export function skipStamp(state: CodecState): Stamp['kind'] {
  const kind = decodeKind(state)
  need(state, WORDS_BYTES)
  state.start += WORDS_BYTES
  uint.decode(state)
  uint.decode(state)
  return kind
}

function decodeKind(state: CodecState): Stamp['kind'] {
  need(state, 1)
  const kind = KINDS[bytesOf(state)[state.start++] ?? KINDS.length]
  if (kind === undefined) throw new BackerError('MALFORMED', 'a stamp of an unknown kind')
  return kind
}
