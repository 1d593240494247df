import { hashBytes } from '../core/model/hash.js'
import type { KnownItem } from '../core/model/known-items.js'
import { nameOf, type RelativePath } from '../core/model/path.js'
import * as layout from './layout.js'
import type { Row } from './rows.js'
import type { Entry } from './store.js'
import type { Tables } from './tables.js'

type Listed = Iterable<readonly [RelativePath, Entry]>

/** Entries of a directory's direct children (undefined: the root's), in tree order, those with paths too long for a key last. */
export function* childrenOf(tables: Tables, directory: RelativePath | undefined): Listed {
  const prefix = prefixOf(directory)
  if (prefix !== undefined) yield* shortChildren(tables, prefix)
  yield* longEntries(tables, path => isChild(path, directory))
}

/** Entries of everything below a directory (undefined: the root), in tree order, those with paths too long for a key last. */
export function* entriesBelow(tables: Tables, directory: RelativePath | undefined): Listed {
  const prefix = prefixOf(directory)
  if (prefix !== undefined) {
    const range = prefix.byteLength === 0 ? {} : { start: prefix, end: layout.afterPrefix(prefix) }
    for (const { key, value } of tables.entries.range(range)) yield [layout.pathOfKey(key), layout.decodeEntry(value)]
  }
  yield* longEntries(tables, path => directory === undefined || path.startsWith(`${directory}/`))
}

/** At most `limit` entries in tree order behind `after` (undefined: from the first), those with paths too long for a key last, by the hash of theirs. */
export function entriesBehind(
  tables: Tables,
  after: RelativePath | undefined,
  limit: number
): (readonly [RelativePath, Entry])[] {
  const found: (readonly [RelativePath, Entry])[] = []
  const key = after === undefined ? undefined : layout.pathKey(after)
  if (after === undefined || key !== undefined) {
    const start = key === undefined ? Uint8Array.of(0) : Buffer.concat([key, Uint8Array.of(0)])
    for (const row of tables.entries.range({ start, limit }))
      found.push([layout.pathOfKey(row.key), layout.decodeEntry(row.value)])
  }
  const isLong = after !== undefined && key === undefined
  const longStart = isLong ? Buffer.concat([hashBytes(Buffer.from(after)), Uint8Array.of(0)]) : Uint8Array.of(0)
  for (const { value } of tables.longEntries.range({ start: longStart, limit: Math.max(1, limit - found.length) })) {
    if (found.length < limit) found.push(layout.decodeLongEntry(value))
  }
  return found
}

/** How a directory's direct children (undefined: the root's) should look: see `Store.known`. */
export function* knownIn(tables: Tables, directory: RelativePath | undefined): Iterable<KnownItem> {
  const prefix = prefixOf(directory)
  for (const { key, value } of prefix === undefined ? [] : childRows(tables, prefix)) {
    const stamp = layout.stampToExpect(value)
    if (stamp !== undefined) yield { name: key.subarray(prefix?.byteLength), stamp }
  }
  for (const [path, entry] of longEntries(tables, one => isChild(one, directory))) {
    const stamp = layout.stampToExpect(layout.encodeEntry(entry))
    if (stamp !== undefined) yield { name: Buffer.from(nameOf(path)), stamp }
  }
}

function* shortChildren(tables: Tables, prefix: Uint8Array): Listed {
  for (const { key, value } of childRows(tables, prefix)) yield [layout.pathOfKey(key), layout.decodeEntry(value)]
}

/** Direct children in order: whatever lies below one is passed over by a new start behind it. */
function* childRows({ entries }: Tables, prefix: Uint8Array): Iterable<Row> {
  const end = prefix.byteLength === 0 ? undefined : layout.afterPrefix(prefix)
  let start: Uint8Array | undefined = prefix
  while (start !== undefined) {
    let again: Uint8Array | undefined
    for (const { key, value } of entries.range(end === undefined ? { start } : { start, end })) {
      const below = key.indexOf(0, prefix.byteLength)
      if (below >= 0) {
        again = Buffer.concat([key.subarray(0, below), Uint8Array.of(1)])
        break
      }
      yield { key, value }
    }
    start = again
  }
}

/** Entries whose paths are too long for a key, in no order: there are hardly ever any. */
function* longEntries({ longEntries }: Tables, belongs: (path: RelativePath) => boolean): Listed {
  for (const { value } of longEntries.range({})) {
    const [path, entry] = layout.decodeLongEntry(value)
    if (belongs(path)) yield [path, entry]
  }
}

/** What the keys of all below a directory begin with. undefined: its own path is too long for a key. */
function prefixOf(directory: RelativePath | undefined): Uint8Array | undefined {
  if (directory === undefined) return Buffer.alloc(0)
  const key = layout.pathKey(directory)
  return key === undefined ? undefined : Buffer.concat([key, Uint8Array.of(0)])
}

function isChild(path: RelativePath, directory: RelativePath | undefined): boolean {
  const prefix = directory === undefined ? '' : `${directory}/`
  return path.startsWith(prefix) && !path.includes('/', prefix.length)
}
