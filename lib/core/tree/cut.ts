import { hashBytes, hashKey, type Hash, type HashKey } from '../model/hash.js'
import { encodeChild, sumsOfNode } from './child.js'
import { encodeNode, endsNode, isFull, weightOf, type Entry } from './node.js'

/** A node that was cut from its row: what its parent will say of it, the level of its last key, and its hash. */
export interface CutNode {
  readonly entry: Entry
  readonly level: number
  readonly hash: Hash
}

/** Nodes that are to be kept, by their hash. */
export type NodeMap = Map<HashKey, Uint8Array>

/** Takes a row's entries one by one and gives the nodes that they make. */
export interface Cutter {
  /** The next entry. `level`: of its key, or anything that is not above the height where it is known to be no boundary. */
  readonly push: (entry: Entry, level: number) => void
  /** True where the last entry ended a node, or where there was none yet. */
  readonly isAtBoundary: () => boolean
  /** The row has ended: what is left is a node. */
  readonly finish: () => void
}

/** A cutter for the row of `height`: adds bytes to `nodes`, and each node to `made`. */
export function makeCutter(height: number, nodes: NodeMap, made: CutNode[]): Cutter {
  let entries: Entry[] = []
  let weight = 0
  let level = 0
  const finish = (): void => {
    const last = entries.at(-1)
    if (last === undefined) return
    const hash = keepNode(encodeNode(height, entries), nodes)
    made.push({
      entry: { key: last.key, value: encodeChild({ hash, sums: sumsOfNode({ height, entries }) }) },
      level,
      hash
    })
    entries = []
    weight = 0
  }
  return {
    push(entry, levelOfKey) {
      entries.push(entry)
      weight += weightOf(entry)
      level = levelOfKey
      if (endsNode(level, height) || isFull(entries.length, weight)) finish()
    },
    isAtBoundary: () => entries.length === 0,
    finish
  }
}

function keepNode(bytes: Uint8Array, nodes: NodeMap): Hash {
  const hash = hashBytes(bytes)
  nodes.set(hashKey(hash), bytes)
  return hash
}
