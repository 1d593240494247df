import { hashBytes, hashesEqual, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import { parentOf, type RelativePath } from '../core/model/path.js'
import { nodesOfContent } from '../core/chunk/content-tree.js'
import type { AskedChunk } from '../../protocol/peer-link.js'
import type { Place } from '../store/store.js'
import type { FolderContext } from './context.js'
import { isDamaged } from './damage.js'

/** How many large files' content trees are kept made up. */
const CONTENT_TREES_MAX = 4
const PLACES_TRIED = 4

/** Where a chunk of a file that is still being fetched lies, if it is here already. */
export type FindStaged = (chunk: HashKey) => ((length: number) => Promise<Uint8Array>) | undefined

/** Answers what peers ask for: only nodes and chunks by their hash, and only out of this folder's index and history. */
export class Server {
  readonly #context: FolderContext
  readonly #findStaged: FindStaged
  readonly #contentTrees = new Map<HashKey, ReadonlyMap<string, Uint8Array>>()

  constructor(context: FolderContext, findStaged: FindStaged) {
    this.#context = context
    this.#findStaged = findStaged
  }

  /** Tree nodes, of this device's tree or of a snapshot. */
  nodes(hashes: readonly Hash[]): (Uint8Array | undefined)[] | Promise<(Uint8Array | undefined)[]> {
    const { store, disk } = this.#context
    const found = hashes.map(hash => store.node(hash))
    if (found.every(bytes => bytes !== undefined)) return found
    return Promise.all(
      hashes.map(async (hash, i) => found[i] ?? (await disk.history('node', hash).catch(() => undefined)))
    )
  }

  async contentNodes(content: Hash, hashes: readonly Hash[]): Promise<(Uint8Array | undefined)[]> {
    const tree = await this.#contentTree(content)
    return hashes.map(hash => tree?.get(hashKey(hash)))
  }

  /**
   * The bytes of a chunk, read and verified; undefined where this device does not have it (any more). A file that turns out to
   * hold something else is looked at again.
   */
  async chunk(hash: Hash): Promise<Uint8Array | undefined> {
    for (const place of this.#context.store.places(hash, PLACES_TRIED)) {
      const bytes = await this.readPlace(hash, place)
      if (bytes !== undefined) return bytes
    }
    const staged = this.#findStaged(hashKey(hash))
    const bytes = await staged?.(0)
    if (bytes !== undefined && hashesEqual(hashBytes(bytes), hash)) return bytes
    return this.#context.disk.history('chunk', hash)
  }

  /** As `chunk`, of several: where each is believed to lie it is read together with the others, and looked for only where it is not there. */
  async chunks(asked: readonly AskedChunk[]): Promise<readonly (Uint8Array | undefined)[]> {
    const places = asked.length === 1 ? [] : asked.map(chunk => this.#placeOf(chunk))
    const there = places.filter(place => place !== undefined)
    const pieces = there.length === 0 ? [] : await this.#context.disk.readMany(there)
    const read = pieces.values()
    const chunks: (Uint8Array | undefined)[] = []
    for (const [i, { hash }] of asked.entries()) {
      const bytes = places[i] && read.next().value
      const isRight = bytes !== undefined && hashesEqual(hashBytes(bytes), hash)
      // One at a time: it may be of any length, whatever was said.
      chunks.push(isRight ? bytes : await this.chunk(hash))
    }
    return chunks
  }

  #placeOf({ hash, length }: AskedChunk): Place | undefined {
    for (const place of this.#context.store.places(hash, 1)) return place.length === length ? place : undefined
    return undefined
  }

  /** The bytes at a place if they are what the index says. */
  async readPlace(hash: Hash, place: Place): Promise<Uint8Array | undefined> {
    const bytes = await this.#context.disk.read(place.path, place.offset, place.length)
    if (bytes !== undefined && hashesEqual(hashBytes(bytes), hash)) return bytes
    doubt(this.#context, place.path)
    return undefined
  }

  async #contentTree(content: Hash): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
    const key = hashKey(content)
    const kept = this.#contentTrees.get(key)
    if (kept !== undefined) return kept
    const list = this.#context.store.chunkList(content) ?? (await this.#context.disk.history('chunkList', content))
    if (list === undefined) return undefined
    const tree = nodesOfContent(list)
    if (this.#contentTrees.size >= CONTENT_TREES_MAX)
      this.#contentTrees.delete(this.#contentTrees.keys().next().value ?? key)
    this.#contentTrees.set(key, tree)
    return tree
  }
}

/** A file turned out to hold something else than the index says: it is looked at again. */
export function doubt(context: FolderContext, path: RelativePath): void {
  // What is known to be damaged has nothing new to tell.
  if (isDamaged(context.store.get(path))) return
  context.onSuspect([parentOf(path)])
  context.onDoubtful(path)
}
