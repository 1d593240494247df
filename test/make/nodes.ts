import { hashKey, type Hash } from '../../lib/core/model/hash.js'
import { comparePaths, type RelativePath } from '../../lib/core/model/path.js'
import type { Record } from '../../lib/core/model/record.js'
import type { NodeSource } from '../../lib/core/tree/node.js'
import { buildTree, updateTree, type Tree } from '../../lib/core/tree/update.js'

/** Nodes in memory that count how often they are read. */
export interface Nodes {
  readonly source: NodeSource
  readonly kept: Map<string, Uint8Array>
  /** How many nodes were asked for since it was last set to 0. */
  reads: number
  /** Keeps a tree's new nodes; gives its root. */
  readonly keep: (tree: Tree) => Hash
}

/** A place for nodes, empty. */
export function makeNodes(): Nodes {
  const kept = new Map<string, Uint8Array>()
  const nodes: Nodes = {
    kept,
    reads: 0,
    source(hash) {
      nodes.reads++
      return kept.get(hashKey(hash))
    },
    keep({ root, nodes: made }) {
      for (const [name, bytes] of made) kept.set(name, bytes)
      return root
    }
  }
  return nodes
}

/** What a folder holds, in any order. */
export type Records = ReadonlyMap<RelativePath, Record>

/** The records in the order of the tree. */
export function sorted(records: Records): [RelativePath, Record][] {
  return [...records].sort(([a], [b]) => comparePaths(a, b))
}

/** Builds a tree at once, keeps its nodes and gives its root. */
export function plant(nodes: Nodes, records: Records): Hash {
  return nodes.keep(buildTree(sorted(records)))
}

/** Makes edits on a tree, keeps the new nodes and gives the new root. */
export function edit(nodes: Nodes, root: Hash, edits: ReadonlyMap<RelativePath, Record | undefined>): Hash {
  return nodes.keep(updateTree(nodes.source, root, edits))
}
