import { statfs } from 'node:fs/promises'
import type { Runtime } from '../runtime.js'
import { DirectoryWatch } from './directory-watch.js'
import { RecursiveWatch } from './recursive-watch.js'
import type { Watch, WatchHandlers } from './watching.js'

export type { Watch, WatchHandlers }

/**
 * Starts to watch below `root`: whatever `add` is told of. Hints come in batches, after 3 ms at the earliest; while events go on, every
 * 200 ms. A directory that is replaced or moved is told as a directory to look at again, and so is every directory where events may have been lost;
 * looking at them must `add` them again.
 */
export function startWatch(root: string, handlers: WatchHandlers, runtime: Runtime): Watch {
  const isRecursive = process.platform === 'darwin' || process.platform === 'win32'
  const watch = isRecursive
    ? new RecursiveWatch(root, handlers, runtime)
    : DirectoryWatch.start(root, handlers, runtime)
  let isClosed = false
  void isShared(root).then(shared => {
    if (shared && !isClosed) handlers.onLimited(SHARED)
  })
  return {
    add: directories => watch.add(directories),
    remove: directory => watch.remove(directory),
    close() {
      isClosed = true
      watch.close()
    }
  }
}

/** File systems that other machines change too, of which this one hears nothing. Source: statfs(2), linux/magic.h. */
const SHARED_TYPES: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2 and later
  0x01021997, // 9p
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x47504653 // GPFS
])

const SHARED =
  'the folder lies on a network share, which does not tell what other machines change there: it is looked through every minute.'

async function isShared(root: string): Promise<boolean> {
  if (process.platform !== 'linux') return false
  // Where it can't be told, opening the folder will say why.
  const found = await statfs(root).catch(() => undefined)
  return found !== undefined && SHARED_TYPES.has(found.type)
}
