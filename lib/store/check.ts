import { mkdir } from 'node:fs/promises'
import { hashBytes, hashesEqual, type Hash } from '../core/model/hash.js'
import { sameRecord } from '../core/model/record.js'
import { BackerError } from '../core/error.js'
import { iterate } from '../core/tree/read.js'
import { LmdbStore } from './lmdb.js'
import { openTables, type Rows, type Tables } from './tables.js'
import type { Random } from '../runtime.js'

/** A fresh index is never checked, so that nothing here needs to be random. */
const NO_RANDOM: Random = { bytes: length => new Uint8Array(length), below: () => 0 }

/**
 * Reads a whole index, and holds its parts against each other: every node against its hash, every entry against the record that the tree has
 * for its path, every row of all other tables for being readable. Then copies it, row pages only, into the directory `copy`, so that damage to
 * what is only needed for writing (free pages, counts) is left behind. Throws what is wrong. Over a damaged file LMDB may end the process: this
 * is for a process of its own (check-process.ts).
 */
export async function checkIndex(directory: string, copy: string): Promise<void> {
  const tables = openTables(directory, { readOnly: true })
  const store = await LmdbStore.over(tables, NO_RANDOM)
  checkEntries(store, countRows(tables.entries) + countRows(tables.longEntries))
  checkOthers(tables)
  await mkdir(copy, { recursive: true, mode: 0o700 })
  await tables.env.backup(copy, true)
  await store.close()
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
function checkOthers({ nodes, chunkLists, contentPaths, chunkPlaces, heads, facts }: Tables): void {
  for (const rows of [nodes, chunkLists, contentPaths, chunkPlaces, heads, facts]) countRows(rows)
}

function countRows(rows: Rows): number {
  let count = 0
  for (const { value } of rows.getRange({})) if (value.byteLength >= 0) count++
  return count
}

function damaged(what: string): BackerError {
  return new BackerError('STORE_CORRUPT', what)
}
