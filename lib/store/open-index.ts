import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BackerError, messageOf } from '../core/error.js'
import { hashBytes, hashKey } from '../core/model/hash.js'
import type { Random, Trace } from '../runtime.js'
import { LmdbStore } from './lmdb.js'
import { identify, readNote, sealOf, writeNote, type IndexNote } from './note.js'
import type { Store } from './store.js'
import { openTables } from './tables.js'

export interface IndexOptions {
  /** The index's directory: made if it is missing. */
  readonly directory: string
  /** A file outside of it that notes each opening and closing, so that damage is noticed, and an index put back from a copy. */
  readonly noteFile: string
  readonly random: Random
  readonly trace: Trace
}

/** Milliseconds that a check of an index may take: one of a million records takes some ten seconds. */
const CHECK_DEADLINE_MS = 10 * 60_000

/**
 * Opens a folder's index, or makes a fresh one where there is none, where it is damaged and where it is not the one that was here last: then
 * nothing in it may be believed, and it is set aside (invariant S13). One that was closed well is known by the hash of its whole file; one that
 * was not is read through and copied by a process of its own first, since LMDB ends a process over a damaged file. Throws FILE_SYSTEM where the directory can't be used.
 * Source: Howard Chu, "MDB: A Memory-Mapped Database and Backend for OpenLDAP", LDAPCon 2011.
 */
export async function openIndex(options: IndexOptions): Promise<Store> {
  const { directory, noteFile, trace } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await refuseStrangers(directory)
  await mkdir(dirname(noteFile), { recursive: true, mode: 0o700 })
  const note = await readNote(noteFile)
  const distrust = await reasonToDistrust(options, note)
  if (distrust !== undefined) {
    trace(`the index is set aside and built anew: ${distrust}`)
    await setAside(directory)
  }
  return openOrRenew(options, distrust === undefined ? note : undefined)
}

/** Throws FILE_SYSTEM where the index would lie in a directory that somebody else prepared: a symlink, or one of another user's. */
async function refuseStrangers(directory: string): Promise<void> {
  const found = await lstat(directory)
  if (found.isDirectory() && (process.getuid === undefined || found.uid === process.getuid())) return
  throw new BackerError('FILE_SYSTEM', `${directory} is not a directory of this user's own`, {
    path: directory,
    hint: 'Look who made it, and remove it: the index is built anew.'
  })
}

/** Why the index can't be believed; undefined where it can, or where there is none. */
async function reasonToDistrust(options: IndexOptions, note: IndexNote | undefined): Promise<string | undefined> {
  const dataFile = dataFileOf(options.directory)
  const found = await identify(dataFile)
  if (found === undefined) return undefined
  if (note === undefined) return 'nothing is known of it'
  if (found.file !== note.successor && (found.file !== note.file || found.size < note.size))
    return 'it is another file than before'
  if (note.seal !== undefined)
    return (await sealOf(dataFile)) === note.seal ? undefined : 'it is not as it was when it was closed'
  const copy = `${options.directory}.checked`
  await rm(copy, { recursive: true, force: true })
  try {
    const damage = await checkInProcess(options.directory, copy)
    if (damage === undefined) await replaceBy(options, note, join(copy, 'data.mdb'))
    return damage
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** Puts the checked copy in the place of the index. */
async function replaceBy({ directory, noteFile }: IndexOptions, note: IndexNote, copy: string): Promise<void> {
  await sync(copy)
  const successor = await identify(copy)
  await writeNote(noteFile, { ...note, successor: successor?.file })
  await rename(copy, dataFileOf(directory))
  await rm(join(directory, 'lock.mdb'), { force: true })
  await sync(directory)
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Runs the check in a process of its own; what it says of a damaged index, undefined of one that is whole. */
async function checkInProcess(directory: string, copy: string): Promise<string | undefined> {
  const program = fileURLToPath(new URL('./check-process.js', import.meta.url))
  const child = spawn(process.execPath, [program, directory, copy], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: CHECK_DEADLINE_MS,
    killSignal: 'SIGKILL'
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-1000)))
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    return code === 0 ? undefined : said.trim() || `reading it ended with ${String(signal ?? code)}`
  } catch (error) {
    return `it can't be checked: ${messageOf(error)}`
  }
}

async function openOrRenew(options: IndexOptions, note: IndexNote | undefined): Promise<Store> {
  // From here on the file changes, and a crash may come at any time.
  if (note?.seal !== undefined) await writeNote(options.noteFile, { ...note, seal: undefined })
  let store = await openStore(options).catch(() => undefined)
  if (store === undefined || !isCurrent(store, note)) {
    options.trace('the index is set aside and built anew: it is older than what was here last')
    await store?.close()
    await setAside(options.directory)
    store = await openStore(options)
  }
  await store.countOpening()
  await noteState(options, store, undefined)
  const { openings } = store
  store.onclosed = async () => noteState(options, { openings }, await sealOf(dataFileOf(options.directory)))
  return store
}

/** True for an index that was opened as often as the note says, or once more: a crash may have come before the note was written. */
function isCurrent(store: LmdbStore, note: IndexNote | undefined): boolean {
  return store.fresh || (note !== undefined && [note.openings, note.openings + 1].includes(store.openings))
}

async function noteState(
  { directory, noteFile }: IndexOptions,
  { openings }: { readonly openings: number },
  seal: string | undefined
): Promise<void> {
  const found = await identify(dataFileOf(directory))
  if (found !== undefined) await writeNote(noteFile, { openings, ...found, successor: undefined, seal })
}

function dataFileOf(directory: string): string {
  return join(directory, 'data.mdb')
}

async function openStore({ directory, random }: IndexOptions): Promise<LmdbStore> {
  try {
    // LMDB itself would let whoever the umask allows read them; an empty file is a new index to it.
    for (const name of ['data.mdb', 'lock.mdb']) await (await open(join(directory, name), 'a', 0o600)).close()
    const tables = openTables(directory, { readOnly: false })
    try {
      return await LmdbStore.over(tables, random)
    } catch (error) {
      await tables.env.close()
      throw error
    }
  } catch (error) {
    throw new BackerError('STORE_CORRUPT', `the index can't be read: ${messageOf(error)}`, {
      path: directory,
      cause: error
    })
  }
}

/** Renames a damaged or foreign index out of the way; only the newest such one is kept. */
async function setAside(directory: string): Promise<void> {
  const parent = dirname(directory)
  for (const name of await readdir(parent)) {
    if (name.startsWith('index.damaged-')) await rm(join(parent, name), { recursive: true, force: true })
  }
  await rename(directory, join(parent, `index.damaged-${hashKey(hashBytes(Buffer.from(directory))).slice(0, 8)}`))
  await mkdir(directory, { recursive: true, mode: 0o700 })
}
