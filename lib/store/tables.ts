import { open, type RootDatabase } from 'lmdb'
import { RowsInPlace } from './in-place.js'
import { Rows, type IndexState } from './rows.js'

/** The tables of an index. See layout.ts for the form of their rows. */
export interface Tables {
  readonly env: RootDatabase<Buffer, Uint8Array>
  readonly state: IndexState
  /** Entries by path, and those whose path is too long for a key by its hash. */
  readonly entries: Rows
  readonly entriesInPlace: RowsInPlace
  readonly longEntries: Rows
  /** Tree nodes and chunk lists by their hash. */
  readonly nodes: Rows
  readonly chunkLists: Rows
  /** Which paths have a content, and which contents have a chunk, at which place. */
  readonly contentPaths: Rows
  readonly chunkPlaces: Rows
  /** Contents that left a path since the last sweep of chunk lists. */
  readonly superseded: Rows
  readonly heads: Rows
  readonly facts: Rows
  readonly meta: Rows
}

/**
 * How much address space the index may take before it has to be mapped anew: a mapping that has become too small stays beside the larger one, so
 * that its pages count twice.
 */
const MAP_BYTES = 16 * 1024 ** 3
const TABLES_MAX = 16

/**
 * Opens the LMDB environment in `directory`. Throws what LMDB throws, and a damaged file may end the process: see check.ts.
 *
 * A commit's pages are synced before the meta page that makes them count is written, itself synchronously; only then is the commit told. The
 * faster way (`overlappingSync`) trusts in pages that were never synced as long as the machine has not started anew, which a disk that was
 * pulled and put back proves wrong. Source: lmdb's README, "Overlapping Sync Options".
 */
export function openTables(directory: string, { readOnly }: { readonly readOnly: boolean }): Tables {
  const env = open<Buffer, Uint8Array>({
    path: directory,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxDbs: TABLES_MAX,
    mapSize: MAP_BYTES,
    noSubdir: false,
    // It makes a promise of its own that nobody gets: when the disk is full to the last byte its rejection ends the process. See IndexState.inOneTransaction.
    eventTurnBatching: false,
    overlappingSync: false,
    readOnly
  })
  const state: IndexState = {
    inOneTransaction: write => env.batch(write),
    isClosed: false,
    failure: undefined,
    onfailure: () => undefined
  }
  const rows = (name: string): Rows =>
    new Rows(env.openDB<Buffer, Uint8Array>({ name, encoding: 'binary', keyEncoding: 'binary' }), name, state)
  return {
    env,
    state,
    entries: rows('entries'),
    entriesInPlace: new RowsInPlace(env, 'entries', state),
    longEntries: rows('long-entries'),
    nodes: rows('nodes'),
    chunkLists: rows('chunk-lists'),
    contentPaths: rows('content-paths'),
    chunkPlaces: rows('chunk-places'),
    superseded: rows('superseded'),
    heads: rows('heads'),
    facts: rows('facts'),
    meta: rows('meta')
  }
}
