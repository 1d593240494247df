import { BackerError } from '../core/error.js'
import { hashBytes, hashesEqual, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import { childOf } from '../core/tree/child.js'
import { diffTrees } from '../core/tree/diff.js'
import { EMPTY_ROOT, parseNode } from '../core/tree/node.js'
import type { FolderContext } from './context.js'
import { FetchedNodes, fetchNodes } from './fetch-nodes.js'
import type { Peer } from './peer.js'

/** How many nodes are asked about, or written, at one go. */
const NODES_AT_ONCE = 256
const BYTES_AT_ONCE = 4 * 1024 * 1024
/** After how many steps others have their turn. */
const BREATH = 256

/** Brings whole trees of records into the history, out of the index or from a peer. */
export class TreeKeeper {
  readonly #context: FolderContext
  /** Roots that are at work, and how often each. */
  readonly #inUse = new Map<HashKey, number>()
  readonly #roots = new Map<HashKey, Hash>()

  constructor(context: FolderContext) {
    this.#context = context
  }

  /** Roots whose nodes the index has to keep meanwhile. */
  roots(): Hash[] {
    return [...this.#roots.values()]
  }

  /**
   * Sees to it that the history has every node of the tree with this root: what it lacks is taken from the index. Each is looked for, whatever was
   * kept before, and none is written before those below it: so damage to one does not spread. Rejects with UNAVAILABLE where a node is nowhere, and
   * with what the disk throws.
   */
  keep(root: Hash): Promise<void> {
    return this.#using([root], async () => {
      const rows: Hash[][] = []
      for (let row = hashesEqual(root, EMPTY_ROOT) ? [] : [root]; row.length > 0;) {
        rows.push(await this.#lacking(row))
        row = await this.#below(row)
      }
      for (const row of rows.reverse()) await this.#add(row)
    })
  }

  /**
   * Has the index hold the tree with this root, which a peer has, until `then` is over; every node is checked. Rejects as `fetchNodes`, `diffTrees` and
   * `then` do.
   */
  fetch(peer: Peer, root: Hash, then: () => Promise<void>): Promise<void> {
    const { store, runtime, closed } = this.#context
    const own = store.root
    return this.#using([root, own], async () => {
      const fetched = new FetchedNodes(store)
      let count = 0
      for (const step of diffTrees(hash => fetched.get(hash) ?? store.node(hash), own, root)) {
        if (closed.aborted || peer.closed) throw new BackerError('UNAVAILABLE', 'the peer is gone')
        if (step.kind === 'wanted') await fetched.add(await fetchNodes(peer, step.hashes))
        if (step.kind === 'pause' || ++count % BREATH === 0) await runtime.timers.breathe()
      }
      await fetched.written()
      await then()
    })
  }

  async #using(roots: readonly Hash[], work: () => Promise<void>): Promise<void> {
    for (const root of roots) {
      this.#roots.set(hashKey(root), root)
      this.#inUse.set(hashKey(root), (this.#inUse.get(hashKey(root)) ?? 0) + 1)
    }
    try {
      await work()
    } finally {
      for (const root of roots) {
        const left = (this.#inUse.get(hashKey(root)) ?? 1) - 1
        this.#inUse.set(hashKey(root), left)
        if (left > 0) continue
        this.#inUse.delete(hashKey(root))
        this.#roots.delete(hashKey(root))
      }
    }
  }

  async #lacking(row: readonly Hash[]): Promise<Hash[]> {
    const lacking: Hash[] = []
    for (let start = 0; start < row.length; start += NODES_AT_ONCE)
      lacking.push(...(await this.#context.disk.history('lackingNodes', row.slice(start, start + NODES_AT_ONCE))))
    return lacking
  }

  /** The nodes below those of a row; none where they are leaves. */
  async #below(row: readonly Hash[]): Promise<Hash[]> {
    const below: Hash[] = []
    let count = 0
    for (const hash of row) {
      if (++count % BREATH === 0) await this.#context.runtime.timers.breathe()
      const { height, entries } = parseNode(await this.#node(hash))
      if (height === 0) return []
      for (const entry of entries) below.push(childOf(entry).hash)
    }
    return below
  }

  async #add(row: readonly Hash[]): Promise<void> {
    let nodes: Uint8Array[] = []
    let bytes = 0
    const write = async (): Promise<void> => {
      if (nodes.length > 0) await this.#context.disk.history('addNodes', nodes)
      nodes = []
      bytes = 0
    }
    for (const hash of row) {
      const node = await this.#node(hash)
      nodes.push(node)
      bytes += node.byteLength
      if (nodes.length >= NODES_AT_ONCE || bytes >= BYTES_AT_ONCE) await write()
    }
    await write()
  }

  async #node(hash: Hash): Promise<Uint8Array> {
    const bytes = this.#context.store.node(hash) ?? (await this.#context.disk.history('node', hash))
    if (bytes === undefined || !hashesEqual(hashBytes(bytes), hash))
      throw new BackerError('UNAVAILABLE', 'a node of the tree is not on this device any more')
    return bytes
  }
}
