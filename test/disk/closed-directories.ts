import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parsePath } from '../../lib/core/model/path.js'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'
import { expectedAt, fileStep, install, REVISION, stampAt, userWrites, type Folder } from './make-folder.js'

// Works on the folder in argv in a process of its own, as a user without privileges where it is started as root: nothing is closed to that one.
const NOBODY = 65534
const [directory = ''] = process.argv.slice(2)
const fs = openFileSystem()
const root = fs.openRoot(directory)
if (process.getuid?.() === 0) {
  process.setgid?.(NOBODY)
  process.setuid?.(NOBODY)
}
const folder: Folder = { fs, root, directory, at: path => join(directory, path) }
for (const name of ['replaced', 'removed', 'from'])
  userWrites(folder, `closed/${name}`, name === 'from' ? 'moved' : name)
mkdirSync(folder.at('closed/empty'))
chmodSync(folder.at('closed'), 0o555)

const from = parsePath('closed/from')
const fromStamp = stampAt(folder, 'closed/from')
if (fromStamp === undefined) throw new Error('nothing to move')
const metadata = { mode: 0o640, mtimeNs: fromStamp.mtimeNs }
const nothing = { kind: 'nothing' } as const
const results = install(folder, [
  { kind: 'directory', path: parsePath('closed/below'), expected: nothing, mode: 0o500, displaced: REVISION },
  fileStep(folder, 'closed/below/made', 'made', { expected: nothing }),
  {
    kind: 'move',
    path: parsePath('closed/moved'),
    expected: nothing,
    from,
    fromStamp,
    ...metadata,
    displaced: REVISION
  },
  fileStep(folder, 'closed/replaced', 'new'),
  {
    kind: 'remove',
    path: parsePath('closed/removed'),
    expected: expectedAt(folder, 'closed/removed'),
    displaced: REVISION
  },
  { kind: 'remove', path: parsePath('closed/empty'), expected: expectedAt(folder, 'closed/empty'), displaced: REVISION }
])
for (const result of results) if (result.kind !== 'done') throw new Error(JSON.stringify(results))
