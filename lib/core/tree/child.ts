import { decodeWith, encodeWith, type Codec } from '../codec.js'
import { hashCodec, type Hash } from '../model/hash.js'
import type { Entry, TreeNode } from './node.js'
import { addSums, EMPTY_SUMS, sumsCodec, sumsOfRecord, type Sums } from './sums.js'

/** What an inner node says of a child: the hash of its bytes, and the sums of everything below it. */
export interface Child {
  readonly hash: Hash
  readonly sums: Sums
}

const childCodec: Codec<Child> = {
  preencode(state, child) {
    hashCodec.preencode(state, child.hash)
    sumsCodec.preencode(state, child.sums)
  },
  encode(state, child) {
    hashCodec.encode(state, child.hash)
    sumsCodec.encode(state, child.sums)
  },
  decode: state => ({ hash: hashCodec.decode(state), sums: sumsCodec.decode(state) })
}

/** The value of an inner node's entry. */
export function encodeChild(child: Child): Uint8Array {
  return encodeWith(childCodec, child)
}

/** The child of an inner node's entry. Throws MALFORMED. */
export function childOf(entry: Entry): Child {
  return decodeWith(childCodec, entry.value, 'what a node says of a child')
}

/** What an entry of a node of `height` adds to the sums. */
export function sumsOfEntry(entry: Entry, height: number): Sums {
  return height === 0 ? sumsOfRecord(entry.value) : childOf(entry).sums
}

/** The sums of everything below a node, by what its entries say. */
export function sumsOfNode(node: TreeNode): Sums {
  return node.entries.reduce((sums, entry) => addSums(sums, sumsOfEntry(entry, node.height)), EMPTY_SUMS)
}
