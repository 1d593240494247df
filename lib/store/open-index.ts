import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BackerError, isBackerError, messageOf } from '../core/error.js'
import { hashBytes, hashKey } from '../core/model/hash.js'
import type { Random, Trace } from '../runtime.js'
import { findDamage } from './check-run.js'
import { readingError } from './failure.js'
import { LmdbStore } from './lmdb.js'
import { identify, readNote, sealOf, syncDirectory, syncFile, writeNote, type IndexNote } from './note.js'
import type { Store } from './store.js'
import { openTables, type Tables } from './tables.js'

/** The file in an index's directory that holds everything. */
export const DATA_NAME = 'data.mdb'

export interface IndexOptions {
  /** The index's directory: made if it is missing. */
  readonly directory: string
  /** A file outside of it that notes each opening and closing, so that damage is noticed, and an index put back from a copy. */
  readonly noteFile: string
  /** The device whose index it is to be: one of another device, as in a copy of a whole home, is not gone on with. */
  readonly owner: string
  readonly random: Random
  readonly trace: Trace
}

/**
 * Opens a folder's index, or makes a fresh one where there is none, where it is damaged and where it is not the one that was here last: then
 * nothing in it may be believed, and it is set aside (invariant S13). One that was closed well is known by the hash of its whole file; one that
 * was not is read through and copied by a process of its own first, since LMDB ends a process over a damaged file. Throws FILE_SYSTEM where the index can't
 * be read, copied or written, TIMEOUT where its check was stopped: then it stays as it is.
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
  if (note.owner !== undefined && note.owner !== options.owner) return 'it is the index of another device'
  if (note.seal !== undefined)
    return (await sealOf(dataFile)) === note.seal ? undefined : 'it is not as it was when it was closed'
  if (found.file !== note.successor && (found.file !== note.file || found.size < note.size))
    return 'it is another file than before'
  const copy = `${options.directory}.checked`
  await rm(copy, { recursive: true, force: true })
  try {
    const damage = await findDamage(options.directory, copy)
    if (damage === undefined) await replaceBy(options, note, join(copy, DATA_NAME))
    return damage
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** Puts the checked copy in the place of the index. */
async function replaceBy({ directory, noteFile }: IndexOptions, note: IndexNote, copy: string): Promise<void> {
  await syncFile(copy)
  const successor = await identify(copy)
  await writeNote(noteFile, { ...note, successor: successor?.file })
  await rename(copy, dataFileOf(directory))
  await rm(join(directory, 'lock.mdb'), { force: true })
  await syncDirectory(directory)
}

async function openOrRenew(options: IndexOptions, note: IndexNote | undefined): Promise<Store> {
  // From here on the file changes, and a crash may come at any time.
  if (note?.seal !== undefined) await writeNote(options.noteFile, { ...note, seal: undefined })
  let store = await openStore(options).catch(unlessDamaged)
  if (store === undefined || !isCurrent(store, note)) {
    options.trace(
      'the index is set aside and built anew: it is older than what was here last, or than what other devices know of it'
    )
    await store?.close()
    await setAside(options.directory)
    store = await openStore(options)
  }
  try {
    await store.countOpening()
    await syncDirectory(options.directory)
    await syncDirectory(dirname(options.directory))
    await noteState(options, store, undefined)
  } catch (error) {
    // Whoever opens it again in this process must not find it half open.
    await store.close()
    throw error
  }
  const { openings } = store
  store.onclosed = isSound => noteClosing(options, openings, isSound)
  return store
}

/** Seals an index that was closed. One that was found damaged is not sealed, so that it is read through before it is believed again. */
async function noteClosing(options: IndexOptions, openings: number, isSound: boolean): Promise<void> {
  if (!isSound) return
  try {
    await noteState(options, { openings }, await sealOf(dataFileOf(options.directory)))
  } catch (error) {
    options.trace(`the index is not sealed, and will be read through at its next opening: ${messageOf(error)}`)
  }
}

function unlessDamaged(error: unknown): undefined {
  if (!isBackerError(error, 'STORE_CORRUPT')) throw error
}

/** True for an index that is not condemned and was opened as often as the note says, or once more: a crash may have come before the note was written. */
function isCurrent(store: LmdbStore, note: IndexNote | undefined): boolean {
  if (store.isCondemned) return false
  return store.fresh || (note !== undefined && [note.openings, note.openings + 1].includes(store.openings))
}

async function noteState(
  { directory, noteFile, owner }: IndexOptions,
  { openings }: { readonly openings: number },
  seal: string | undefined
): Promise<void> {
  const found = await identify(dataFileOf(directory))
  if (found !== undefined) await writeNote(noteFile, { openings, owner, ...found, successor: undefined, seal })
}

function dataFileOf(directory: string): string {
  return join(directory, DATA_NAME)
}

async function openStore({ directory, random }: IndexOptions): Promise<LmdbStore> {
  let tables: Tables | undefined
  try {
    // LMDB itself would let whoever the umask allows read them; an empty file is a new index to it.
    for (const name of [DATA_NAME, 'lock.mdb']) await (await open(join(directory, name), 'a', 0o600)).close()
    tables = openTables(directory, { readOnly: false })
    return await LmdbStore.over(tables, random)
  } catch (error) {
    await tables?.env.close()
    throw readingError(error)
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
