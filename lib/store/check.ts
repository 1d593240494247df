import { mkdir } from 'node:fs/promises'
import { hashBytes, hashesEqual, type Hash } from '../core/model/hash.js'
import { sameRecord } from '../core/model/record.js'
import { messageOf } from '../core/error.js'
import { iterate } from '../core/tree/read.js'
import { LmdbStore } from './lmdb.js'
import { damaged, readingError, refused } from './failure.js'
import type { Rows } from './rows.js'
import { openTables, type Tables } from './tables.js'
import type { Random } from '../runtime.js'

/** A fresh index is never checked, so that nothing here needs to be random. */
const NO_RANDOM: Random = { bytes: length => new Uint8Array(length), below: () => 0 }

/**
 * Reads a whole index, and holds its parts against each other: every node against its hash, every entry against the record that the tree has
 * for its path, every row of all other tables for being readable. Then copies it, row pages only, into the directory `copy`, so that damage to
 * what is only needed for writing (free pages, counts) is left behind. Throws STORE_CORRUPT, and FILE_SYSTEM where the system does not let it be
 * read or copied, which says nothing of it. Over a damaged file LMDB may end the process: this is for a process of its own (check-process.ts).
 */
export async function checkIndex(directory: string, copy: string): Promise<void> {
  const tables = await readAll(directory).catch((error: unknown) => {
    throw readingError(error)
  })
  await copyTo(copy, tables)
  await tables.env.close()
}

async function readAll(directory: string): Promise<Tables> {
  const tables = openTables(directory, { readOnly: true })
  const store = await LmdbStore.over(tables, NO_RANDOM)
  checkEntries(store, countRows(tables.entries) + countRows(tables.longEntries))
  checkOthers(tables)
  return tables
}

/** LMDB tells of a failed copy by its text alone; that of its own codes begins so. */
const LMDB_ERROR = /^MDB_/

async function copyTo(copy: string, { env }: Tables): Promise<void> {
  try {
    await mkdir(copy, { recursive: true, mode: 0o700 })
    await env.backup(copy, true)
  } catch (error) {
    const text = messageOf(error)
    // All of it could be read: what the system says now is about the copy.
    throw LMDB_ERROR.test(text) ? damaged(text, error) : refused(`its copy can't be written: ${text}`, error)
  }
}

function checkEntries(store: LmdbStore, entryCount: number): void {
  const node = (hash: Hash): Uint8Array | undefined => {
    const bytes = store.node(hash)
    if (bytes !== undefined && !hashesEqual(hashBytes(bytes), hash)) throw damaged('a node is not what its hash says')
    return bytes
  }
  let count = 0
  for (const [path, record] of iterate(node, store.root)) {
    if (!sameRecord(store.get(path)?.record, record)) throw damaged('an entry is not what the tree says')
    count++
  }
  if (count !== entryCount) throw damaged('there are entries that the tree does not have')
}

/** What is in these is verified whenever it is used; that it can be read at all is verified here. */
function checkOthers({ nodes, chunkLists, contentPaths, chunkPlaces, superseded, heads, facts }: Tables): void {
  for (const rows of [nodes, chunkLists, contentPaths, chunkPlaces, superseded, heads, facts]) countRows(rows)
}

function countRows(rows: Rows): number {
  let count = 0
  for (const row of rows.range({})) if (row.value.byteLength >= 0) count++
  return count
}
