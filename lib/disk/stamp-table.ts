import type { Stamp } from '../core/model/stamp.js'

/** Stamps on their way between threads: all in a few arrays, which are handed over. */
export interface StampTable {
  /** WORDS for each stamp: device, inode, mtimeNs, ctimeNs. */
  readonly words: BigInt64Array<ArrayBuffer>
  readonly sizes: Float64Array<ArrayBuffer>
  /** For each its kind (an index into KINDS) above its nine bits of mode. */
  readonly kinds: Uint16Array<ArrayBuffer>
}

const WORDS = 4
const KINDS = ['file', 'directory', 'symlink', 'special'] as const
const MODE_BITS = 9
const MODE_MASK = 0o777

export function stampTable(count: number): StampTable {
  return { words: new BigInt64Array(count * WORDS), sizes: new Float64Array(count), kinds: new Uint16Array(count) }
}

export function putStamp({ words, sizes, kinds }: StampTable, i: number, stamp: Stamp): void {
  words[i * WORDS] = stamp.device
  words[i * WORDS + 1] = stamp.inode
  words[i * WORDS + 2] = stamp.mtimeNs
  words[i * WORDS + 3] = stamp.ctimeNs
  sizes[i] = stamp.size
  kinds[i] = (KINDS.indexOf(stamp.kind) << MODE_BITS) | stamp.mode
}

export function stampAt({ words, sizes, kinds }: StampTable, i: number): Stamp {
  const kind = kinds[i] ?? 0
  return {
    kind: KINDS[kind >> MODE_BITS] ?? 'special',
    device: words[i * WORDS] ?? 0n,
    inode: words[i * WORDS + 1] ?? 0n,
    size: sizes[i] ?? 0,
    mtimeNs: words[i * WORDS + 2] ?? 0n,
    ctimeNs: words[i * WORDS + 3] ?? 0n,
    mode: kind & MODE_MASK
  }
}

/** What is handed over instead of being copied. */
export function buffersOfStamps({ words, sizes, kinds }: StampTable): ArrayBuffer[] {
  return [words.buffer, sizes.buffer, kinds.buffer]
}
