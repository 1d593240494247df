import { compareKeys, type Key } from './key.js'
import type { Entry, TreeNode } from './node.js'

/*
 * Two trees side by side: where each walk stands, and which of the two has to move. A diff takes these moves on nodes
 * that it has; looking ahead for what to ask for takes the same moves and skips what is not there.
 */

/** A node that a walk is in, and where. */
export interface Place {
  readonly node: TreeNode
  /** The last key of the tree before the node; undefined at the tree's beginning. */
  readonly after: Key | undefined
  /** True where nothing of the tree comes behind the node. */
  readonly isLast: boolean
  index: number
}

/** From the root down. No place's index is at its end; there is no place at all where the walk is over. */
export type Walk = Place[]

/** What a walk stands at: a record (height -1) or a whole subtree whose root has this height. */
export interface Item {
  readonly entry: Entry
  readonly height: number
  readonly after: Key | undefined
  readonly isLast: boolean
}

/** A walk at the first item below a root. */
export function walkFrom(root: TreeNode): Walk {
  return root.entries.length === 0 ? [] : [{ node: root, after: undefined, isLast: true, index: 0 }]
}

/** A walk at the same place that moves by itself. */
export function copyWalk(walk: Walk): Walk {
  return walk.map(place => ({ ...place }))
}

/** What the walk stands at; undefined at its end. */
export function itemOf(walk: Walk): Item | undefined {
  const place = walk.at(-1)
  const entry = place?.node.entries[place.index]
  if (place === undefined || entry === undefined) return undefined
  const { node, index } = place
  return {
    entry,
    height: node.height - 1,
    after: index === 0 ? place.after : node.entries[index - 1]?.key,
    isLast: place.isLast && index === node.entries.length - 1
  }
}

/** Moves on behind the item. */
export function passItem(walk: Walk): void {
  for (let place = walk.at(-1); place !== undefined; place = walk.at(-1)) {
    place.index++
    if (place.index < place.node.entries.length) return
    walk.pop()
  }
}

/** Moves to the first item below the subtree `item` at which the walk stands, whose root is `node` (not empty). */
export function enterItem(walk: Walk, item: Item, node: TreeNode): void {
  walk.push({ node, after: item.after, isLast: item.isLast, index: 0 })
}

/** Moves on behind everything up to `key`, without going into subtrees that reach beyond it. */
export function passUpTo(walk: Walk, key: Key): void {
  for (let item = itemOf(walk); item !== undefined; item = itemOf(walk)) {
    if (compareKeys(item.entry.key, key) > 0) return
    passItem(walk)
  }
}

/** Two walks, one through each tree. */
export interface Walks {
  readonly a: Walk
  readonly b: Walk
}

/** What comes next in walking two trees. */
export type Move =
  | { readonly kind: 'done' }
  /** Both stand at the very same: pass it. */
  | { readonly kind: 'same'; readonly a: Item; readonly b: Item }
  /** The records of a path, which differ; undefined where a side has none. */
  | { readonly kind: 'differs'; readonly a: Item | undefined; readonly b: Item | undefined }
  /** A subtree that has to be entered. */
  | { readonly kind: 'enter'; readonly side: 'a' | 'b'; readonly item: Item }

/**
 * The next move. A subtree is entered alone, and before all else, where it can't be equal to one that the other side has still
 * to come to; or, at the cost of reading one more node for each height, right beside a change.
 */
export function nextMove(walks: Walks): Move {
  const a = itemOf(walks.a)
  const b = itemOf(walks.b)
  if (a === undefined) return b === undefined ? { kind: 'done' } : moveAlone('b', b)
  if (b === undefined) return moveAlone('a', a)
  if (a.height > b.height) return liesBefore(b, a) ? moveAlone('b', b) : moveAlone('a', a)
  if (b.height > a.height) return liesBefore(a, b) ? moveAlone('a', a) : moveAlone('b', b)
  const order = compareKeys(a.entry.key, b.entry.key)
  if (order !== 0) return order < 0 ? moveAlone('a', a) : moveAlone('b', b)
  if (Buffer.compare(a.entry.value, b.entry.value) === 0) return { kind: 'same', a, b }
  return a.height < 0 ? { kind: 'differs', a, b } : moveAlone('a', a)
}

function moveAlone(side: 'a' | 'b', item: Item): Move {
  if (item.height >= 0) return { kind: 'enter', side, item }
  return side === 'a' ? { kind: 'differs', a: item, b: undefined } : { kind: 'differs', a: undefined, b: item }
}

/** True where all of `item` comes before all of `other`. */
function liesBefore(item: Item, other: Item): boolean {
  return other.after !== undefined && compareKeys(item.entry.key, other.after) <= 0
}

/** Moves each walk on behind its item of a move that enters nothing. */
export function passMove(walks: Walks, { a, b }: Extract<Move, { kind: 'same' | 'differs' }>): void {
  if (a !== undefined) passItem(walks.a)
  if (b !== undefined) passItem(walks.b)
}
