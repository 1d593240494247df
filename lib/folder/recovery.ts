import type { RelativePath } from '../core/model/path.js'
import { pathHash } from '../disk/names.js'
import type { FolderContext } from './context.js'
import { copiesOf, finishIntent } from './intent.js'

/** How many entries are looked through in one turn of the event loop. */
const ENTRIES_PER_TURN = 2000

/** Puts right what a crash left in the middle of a change. The index is looked through for the paths that this is about only where there is something. */
export async function recoverFolder(context: FolderContext): Promise<void> {
  const { disk, store, runtime } = context
  const { pathHashes, intent } = await disk.leftovers()
  const wanted = new Set(pathHashes)
  const paths = new Map<string, RelativePath>()
  const metadata = new Map<string, { readonly mode: number; readonly mtimeNs: bigint }>()
  let count = 0
  if (wanted.size > 0)
    for (const [path, { stamp }] of store.below(undefined)) {
      const hash = pathHash(path)
      if (wanted.has(hash)) paths.set(hash, path)
      if (wanted.has(hash) && stamp?.kind === 'file') metadata.set(hash, { mode: stamp.mode, mtimeNs: stamp.mtimeNs })
      if (++count % ENTRIES_PER_TURN === 0) await runtime.timers.breathe()
    }
  const { putBack, keptCount } = await disk.recover({
    paths,
    metadata,
    copies: intent === undefined ? new Map() : copiesOf(store, intent)
  })
  if (putBack.length + keptCount > 0)
    runtime.trace(`a crash left changes half done: ${putBack.length} files put back, ${keptCount} kept as revisions`)
  const finished = intent === undefined ? 0 : await finishIntent(context, intent)
  if (finished > 0) runtime.trace(`${finished} changes that were made before a crash are put down in the index`)
}
