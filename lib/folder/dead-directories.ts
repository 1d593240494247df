import { isBelow, type RelativePath } from '../core/model/path.js'
import { isLive } from '../core/model/record.js'
import type { Stamp } from '../core/model/stamp.js'
import type { InstallStep } from '../disk/disk.js'
import type { Entry } from '../store/store.js'
import type { FolderContext } from './context.js'

/** How many entries are looked at in one turn of the event loop. */
const ENTRIES_PER_TURN = 1000

interface Dead {
  readonly path: RelativePath
  readonly record: Entry['record']
  readonly stamp: Stamp
}

/**
 * Removes the empty ones of the directories below `directory` that others have deleted and that stand here: something that was not the folder's had kept them, such as what was ignored,
 * and is gone. Nothing is removed on a device that keeps what others delete. Rejects with what ends a folder.
 */
export async function removeDeadBelow(context: FolderContext, directory: RelativePath): Promise<void> {
  const { role, disk, ledger } = context
  if (role === 'append-only') return
  await ledger.lock.run(async () => {
    const dead = await findDead(context, directory)
    if (dead.length === 0) return
    ledger.noteInstall()
    for (const { path } of dead) ledger.busy.add(path)
    try {
      const results = await disk.install(dead.map(stepFor))
      const gone = dead.filter((_, i) => results[i]?.kind === 'done')
      const changes = gone.map(({ path, record }) => ({ path, entry: { record, stamp: undefined } }))
      if (changes.length > 0) await ledger.commit(changes, new Map())
    } finally {
      for (const { path } of dead) ledger.busy.delete(path)
    }
  })
}

/** Those that lie deepest first. */
async function findDead({ store, runtime, closed }: FolderContext, directory: RelativePath): Promise<readonly Dead[]> {
  const dead: Dead[] = []
  let after = directory
  while (!closed.aborted) {
    const page = store.page(after, ENTRIES_PER_TURN)
    for (const [path, { record, stamp }] of page)
      if (isBelow(path, directory) && stamp?.kind === 'directory' && !isLive(record)) dead.push({ path, record, stamp })
    const last = page.at(-1)?.[0]
    if (last === undefined || !isBelow(last, directory)) break
    after = last
    await runtime.timers.breathe()
  }
  return dead.reverse()
}

function stepFor({ path, stamp }: Dead): InstallStep {
  return { kind: 'remove', path, expected: { kind: 'stamped', stamp }, displaced: { kind: 'revision' } }
}
