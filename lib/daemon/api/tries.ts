import { isIPv6 } from 'node:net'
import { BackerError } from '../../core/error.js'
import { dropOldest } from '../../core/drop-oldest.js'

/** So many wrong passwords may be tried at once from one address, and from all together; then one more in each interval. */
const OWN = { atOnce: 5, intervalMs: 30_000 } as const
const ALL = { atOnce: 50, intervalMs: 3000 } as const
const ADDRESSES_MAX = 1000

/** What is left of a bound, and since when. */
interface Bucket {
  left: number
  at: number
}

/** Bounds how fast passwords can be guessed. Times are milliseconds of a clock that only goes forward. */
export class Tries {
  readonly #now: () => number
  readonly #byAddress = new Map<string, Bucket>()
  readonly #all: Bucket

  constructor(now: () => number) {
    this.#now = now
    this.#all = { left: ALL.atOnce, at: now() }
  }

  /** A password is about to be tried: it counts as wrong until `right` is called with the same address. Throws THROTTLED where there were too many. */
  begin(address: string): void {
    const own = this.#bucket(address)
    for (const [bucket, bound] of [[own, OWN] as const, [this.#all, ALL] as const]) {
      refill(bucket, bound, this.#now())
      if (bucket.left < 1) throw throttled(bound.intervalMs)
    }
    own.left--
    this.#all.left--
  }

  /** It was the right one. */
  right(address: string): void {
    this.#byAddress.delete(hostOf(address))
    this.#all.left++
  }

  #bucket(address: string): Bucket {
    const host = hostOf(address)
    const bucket = this.#byAddress.get(host) ?? { left: OWN.atOnce, at: this.#now() }
    // Those that have tried last are kept; for all others there is the bound of all together.
    this.#byAddress.delete(host)
    this.#byAddress.set(host, bucket)
    dropOldest(this.#byAddress, ADDRESSES_MAX)
    return bucket
  }
}

function refill(bucket: Bucket, { atOnce, intervalMs }: typeof OWN | typeof ALL, now: number): void {
  bucket.left = Math.min(atOnce, bucket.left + (now - bucket.at) / intervalMs)
  bucket.at = now
}

/** Whoever has one address of IPv6 has the whole network of 64 bits. */
function hostOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '')
  return isIPv6(plain) ? plain.split(':').slice(0, 4).join(':') : plain
}

function throttled(intervalMs: number): BackerError {
  return new BackerError('THROTTLED', 'too many wrong passwords were tried', {
    hint: `Wait a moment: one more may be tried every ${intervalMs / 1000} seconds.`
  })
}
