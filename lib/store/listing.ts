import { hashBytes } from '../core/model/hash.js'
import type { KnownItem } from '../core/model/known-items.js'
import { nameOf, type RelativePath } from '../core/model/path.js'
import { copyOf, spanOf, type Span } from '../core/span.js'
import * as layout from './layout.js'
import type { RowInPlace } from './in-place.js'
import type { Entry } from './store.js'
import type { Tables } from './tables.js'

const NOTHING = new Uint8Array(0)

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
  const name = spanOf(NOTHING)
  const stamp = spanOf(NOTHING)
  for (const { key, value } of prefix === undefined ? [] : childRows(tables, prefix)) {
    name.bytes = key.bytes
    name.start = key.start + (prefix?.byteLength ?? 0)
    name.end = key.end
    if (layout.findStampToExpect(value, stamp)) yield { name, stamp }
  }
  for (const [path, entry] of longEntries(tables, one => isChild(one, directory))) {
    if (layout.findStampToExpect(spanOf(layout.encodeEntry(entry)), stamp))
      yield { name: spanOf(Buffer.from(nameOf(path))), stamp }
  }
}

function* shortChildren(tables: Tables, prefix: Uint8Array): Listed {
  for (const { key, value } of childRows(tables, prefix))
    yield [layout.pathOfKey(copyOf(key)), layout.decodeEntry(copyOf(value))]
}

/** Direct children in order, where they stand: whatever lies below one is passed over by a new start behind it. */
function* childRows({ entriesInPlace }: Tables, prefix: Uint8Array): Iterable<RowInPlace> {
  const end = prefix.byteLength === 0 ? undefined : layout.afterPrefix(prefix)
  let start: Uint8Array | undefined = prefix
  while (start !== undefined) {
    let again: Uint8Array | undefined
    for (const row of entriesInPlace.range(end === undefined ? { start } : { start, end })) {
      const below = findZero(row.key, prefix.byteLength)
      if (below >= 0) {
        const { bytes, start: first } = row.key
        again = Buffer.concat([bytes.subarray(first, below), Uint8Array.of(1)])
        break
      }
      yield row
    }
    start = again
  }
}

/** Where the first zero byte stands behind so many others; -1: nowhere. */
function findZero({ bytes, start, end }: Readonly<Span>, behind: number): number {
  for (let i = start + behind; i < end; i++) if (bytes[i] === 0) return i
  return -1
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
