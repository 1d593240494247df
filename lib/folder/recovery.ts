import type { RelativePath } from '../core/model/path.js'
import { pathHash } from '../disk/names.js'
import type { FolderContext } from './context.js'

/** How many entries are looked through in one turn of the event loop. */
const ENTRIES_PER_TURN = 2000

/** Puts right what a crash left in the middle of a change. The index is looked through for the paths that this is about only where there is something. */
export async function recoverFolder({ disk, store, runtime }: FolderContext): Promise<void> {
  const { pathHashes } = await disk.leftovers()
  const wanted = new Set(pathHashes)
  const paths = new Map<string, RelativePath>()
  let count = 0
  if (wanted.size > 0)
    for (const [path] of store.below(undefined)) {
      const hash = pathHash(path)
      if (wanted.has(hash)) paths.set(hash, path)
      if (++count % ENTRIES_PER_TURN === 0) await runtime.timers.breathe()
    }
  const { putBack, keptCount } = await disk.recover(paths)
  if (putBack.length + keptCount > 0)
    runtime.trace(`a crash left changes half done: ${putBack.length} files put back, ${keptCount} kept as revisions`)
}
