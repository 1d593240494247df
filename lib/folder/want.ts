import { mergeRecords } from '../core/engine/merge.js'
import type { Outcome } from '../core/engine/reconcile.js'
import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, sameContent, type FilePayload, type Payload, type Record } from '../core/model/record.js'
import { stagedName } from '../disk/names.js'
import type { Store } from '../store/store.js'
import { isHeld } from './held-losses.js'
import type { Peer } from './peer.js'

export type Apply = Extract<Outcome, { kind: 'apply' }>

/**
 * What a want is doing.
 * - `waiting`: nothing was begun.
 * - `fetching`: its content is on its way; `abort` calls it off, unless it comes together with others.
 * - `ready`: whatever it needs is at hand; it waits for, or is in, a batch of installs. Without `content`: it needs
 *   none, or a file that is about to be removed elsewhere becomes it.
 * - `stuck`: it could not be carried out; tried again at `retryAt` (monotonic milliseconds) or when something changes. `told`: the user
 *   sees why, and nothing but time or the user can help.
 */
export type WantState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'fetching'; readonly abort: AbortController | undefined }
  | { readonly kind: 'ready'; readonly content: ReadyContent | undefined }
  | { readonly kind: 'stuck'; readonly retryAt: number; readonly told: boolean }

/** Content that is at hand: bytes of a small file, or the name of a complete staged file. */
export type ReadyContent =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'staged'; readonly name: string; readonly chunks: Uint8Array }

/** The chunk list of a content of a single chunk. */
const NO_CHUNKS = new Uint8Array(0)

/** One path that must change on this disk, because of what peers have. */
export class Want {
  readonly path: RelativePath
  /** Who asks for it, in the order of asking, and what each knows: nearly always a single one, for which a map is much. */
  readonly #peers: Peer[] = []
  readonly #records: Record[] = []
  apply: Apply
  state: WantState = { kind: 'waiting' }
  /** Somebody, or the number of removals, says that this removal is meant. */
  isMeant = false
  /** The directory that it was to replace was not empty, though everything else had been carried out. */
  isBlocked = false
  /** How often in a row nobody could give the content. */
  refusals = 0

  #staged: { readonly root: Hash; readonly name: string } | undefined

  constructor(path: RelativePath, apply: Apply) {
    this.path = path
    this.apply = apply
  }

  get payload(): Payload {
    return this.apply.payload
  }

  get isRemoval(): boolean {
    return this.apply.payload.kind === 'deleted'
  }

  /** The name in `.backer/tmp` of a file with this content that is to stand at its path. */
  stagedName(root: Hash): string {
    if (this.#staged === undefined || !hashesEqual(this.#staged.root, root))
      this.#staged = { root, name: stagedName(root, this.path) }
    return this.#staged.name
  }

  /** The bytes that it holds, if it does, are in `.backer/tmp` now: gives them back. */
  noteStaged(): ReadyContent | undefined {
    const { state, payload } = this
    if (state.kind !== 'ready' || state.content?.kind !== 'bytes' || payload.kind !== 'file') return undefined
    const name = this.stagedName(payload.content.root)
    this.state = { kind: 'ready', content: { kind: 'staged', name, chunks: NO_CHUNKS } }
    return state.content
  }

  claim(peer: Peer, record: Record): void {
    const at = this.#peers.indexOf(peer)
    if (at < 0) this.#peers.push(peer)
    this.#records[at < 0 ? this.#records.length : at] = record
  }

  /** Forgets a peer; false when none is left that asks for this. */
  disclaim(peer: Peer): boolean {
    const at = this.#peers.indexOf(peer)
    if (at >= 0) {
      this.#peers.splice(at, 1)
      this.#records.splice(at, 1)
    }
    return this.#peers.length > 0
  }

  /** The device that was the first to tell of it, of those that are still there. */
  get via(): string | undefined {
    return this.#peers[0]?.id
  }

  /** What all peers that were heard know of the path, together; undefined where none is left. */
  remoteRecord(): Record | undefined {
    let merged: Record | undefined
    for (const record of this.#records) merged = merged === undefined ? record : mergeRecords(merged, record)
    return merged
  }

  /** The peers whose own disk shows what this wants. */
  sources(): Peer[] {
    return this.#peers.filter((_, i) => {
      const record = this.#records[i]
      return record !== undefined && sameContent(payloadOf(record), this.payload)
    })
  }
}

/** The file that is wanted; undefined where it is something else. */
export function filePayload(want: Want): FilePayload | undefined {
  return want.payload.kind === 'file' ? want.payload : undefined
}

/** True for a file whose bytes are not the ones that stand at the path already. */
export function needsContent(want: Want, store: Pick<Store, 'get'>): boolean {
  if (want.payload.kind !== 'file') return false
  const entry = store.get(want.path)
  const shown = entry?.record.versions[0]?.payload
  return shown === undefined || isHeld(entry) || !sameContent(shown, want.payload)
}
