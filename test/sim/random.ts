import type { Random } from '../../lib/runtime.js'

/** Random numbers that a seed decides. Source: Chris Doty-Humphrey's sfc32, PractRand 0.95. */
export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: string) {
    this.#a = textHash(seed, 0x9e3779b9)
    this.#b = textHash(seed, 0x243f6a88)
    this.#c = textHash(seed, 0xb7e15162)
    for (let i = 0; i < 12; i++) this.#next()
  }

  below(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * limit)
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    let at = 0
    for (; at + 4 <= length; at += 4) {
      const word = this.#next()
      bytes[at] = word
      bytes[at + 1] = word >>> 8
      bytes[at + 2] = word >>> 16
      bytes[at + 3] = word >>> 24
    }
    for (; at < length; at++) bytes[at] = this.#next()
    return bytes
  }

  /** True in one of `oneIn` cases. */
  oneIn(oneIn: number): boolean {
    return this.below(oneIn) === 0
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('picked from nothing')
    return item
  }

  /** One of the values, each as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.below(choices.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, value] of choices) {
      if (left < weight) return value
      left -= weight
    }
    throw new Error('weights of nothing')
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#count++) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}

/** A 32-bit hash of a text. Source: FNV-1a with another basis, draft-eastlake-fnv. */
function textHash(text: string, basis: number): number {
  let hash = basis
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}
