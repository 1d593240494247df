import { isMassDelete } from '../core/engine/mass-delete.js'
import { hashKey, type HashKey } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, type FilePayload } from '../core/model/record.js'
import { subtreeSums } from '../core/tree/read.js'
import type { Entry } from '../store/store.js'
import type { FolderContext } from './context.js'

/** Deletes that follow each other within this time are looked at together: a large one is seen bit by bit. */
const WINDOW_MS = 60_000
/** How many other places of a content are looked at: where all of them are going too, the content counts as lost. */
const COPIES_TRIED = 16
/** After how many paths others have their turn. */
const BREATH = 256

/** Files that are about to be removed. `lost`: how many whose content stands nowhere else in the folder. `moved`: those where it does. */
export interface Loss {
  readonly lost: number
  readonly moved: ReadonlySet<RelativePath>
}

/** Decides whether deletes must wait for somebody's word. One for what is gone from this disk, one for what peers removed. */
export class DeleteGuard {
  readonly #context: () => FolderContext
  #samples: { readonly at: number; readonly files: number }[] = []

  constructor(context: () => FolderContext) {
    this.#context = context
  }

  /** True where `loss` is a mass delete: by itself, or together with what went in the minute before. */
  mustHold({ lost, moved }: Loss): boolean {
    const { store, runtime } = this.#context()
    const files = subtreeSums(hash => store.node(hash), store.root, undefined).files - moved.size
    const now = runtime.clock.monotonic()
    this.#samples = this.#samples.filter(({ at }) => at > now - WINDOW_MS)
    const peak = this.#samples.reduce((most, sample) => Math.max(most, sample.files), files)
    this.#samples.push({ at: now, files })
    if (lost === 0) return false
    return isMassDelete({ removed: lost, files }) || isMassDelete({ removed: peak - files + lost, files: peak })
  }
}

/**
 * Tells of paths that are going which of their files are lost. A file whose content stands at another path that stays, or is in `appeared`,
 * counts as moved. Directories, symlinks and what is gone from the disk already count as neither.
 */
export async function findLoss(
  context: FolderContext,
  going: ReadonlyMap<RelativePath, Entry>,
  appeared: ReadonlySet<HashKey>
): Promise<Loss> {
  const moved = new Set<RelativePath>()
  let lost = 0
  let count = 0
  for (const [path, entry] of going) {
    if (++count % BREATH === 0) await context.runtime.timers.breathe()
    const payload = payloadOf(entry.record)
    if (entry.stamp === undefined || payload.kind !== 'file') continue
    if (isElsewhere(context, { path, payload, going, appeared })) moved.add(path)
    else lost++
  }
  return { lost, moved }
}

/** True where the content of a file that is going stands elsewhere and stays. */
function isElsewhere(
  { store }: FolderContext,
  file: {
    readonly path: RelativePath
    readonly payload: FilePayload
    readonly going: ReadonlyMap<RelativePath, Entry>
    readonly appeared: ReadonlySet<HashKey>
  }
): boolean {
  const { path, payload, going, appeared } = file
  const { root } = payload.content
  if (appeared.has(hashKey(root))) return true
  return store
    .pathsWithContent(root, COPIES_TRIED)
    .some(other => other !== path && !going.has(other) && store.get(other)?.stamp !== undefined)
}
