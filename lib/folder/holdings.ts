import { decodeWith, encodeWith, fixed, list, type Codec } from '../core/codec.js'
import { isBackerError } from '../core/error.js'
import { hashCodec, type Hash } from '../core/model/hash.js'
import type { Store } from '../store/store.js'

/** Where the index keeps what other devices said that they hold. */
const HOLDINGS_FACT = 'holdings'
/** How many devices are kept in mind: those that told last. */
const DEVICES_MAX = 256
const DEVICE_BYTES = 32

/** What a device said last that it holds: its tree, and of that what is not on its disk. */
export interface Holding {
  readonly device: string
  readonly root: Hash
  readonly lacks: Hash
}

const deviceCodec = fixed(DEVICE_BYTES)
const holdingCodec: Codec<Holding> = {
  preencode(state, { device, root, lacks }) {
    deviceCodec.preencode(state, Buffer.from(device, 'hex'))
    hashCodec.preencode(state, root)
    hashCodec.preencode(state, lacks)
  },
  encode(state, { device, root, lacks }) {
    deviceCodec.encode(state, Buffer.from(device, 'hex'))
    hashCodec.encode(state, root)
    hashCodec.encode(state, lacks)
  },
  decode: state => ({
    device: Buffer.from(deviceCodec.decode(state)).toString('hex'),
    root: hashCodec.decode(state),
    lacks: hashCodec.decode(state)
  })
}
export const holdingsCodec = list(holdingCodec, DEVICES_MAX, 'what devices hold')

/** What was kept; nothing where it can't be read, for it is only counted with. */
export function readHoldings(store: Store): Holding[] {
  const bytes = store.getFact(HOLDINGS_FACT)
  if (bytes === undefined) return []
  try {
    return [...decodeWith(holdingsCodec, bytes, 'what devices hold')]
  } catch (error) {
    if (!isBackerError(error, 'MALFORMED') && !isBackerError(error, 'LIMIT')) throw error
    return []
  }
}

/** Keeps the last of them; durable when it resolves. */
export function writeHoldings(store: Store, holdings: readonly Holding[]): Promise<void> {
  return store.putFact(HOLDINGS_FACT, encodeWith(holdingsCodec, holdings.slice(-DEVICES_MAX)))
}
