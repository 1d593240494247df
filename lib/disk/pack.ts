import type { ItemProblem, Listed, Listing } from './disk.js'
import { buffersOfStamps, putStamp, stampAt, stampTable, type StampTable } from './stamp-table.js'

/**
 * Listings on their way between threads: the facts of all entries in a few arrays, which are handed over, and all names in one text. As
 * objects, entry by entry, they cost more to copy than to list.
 */
export interface PackedListings {
  readonly outcomes: readonly PackedOutcome[]
  /** All names, each followed by a NUL, which no name contains. */
  readonly names: string
  /** The targets of all symlinks, in the same form. */
  readonly targets: string
  readonly stamps: StampTable
}

type PackedOutcome =
  | {
      readonly kind: 'listed'
      readonly count: number
      readonly missing: readonly string[]
      readonly badNames: readonly string[]
      readonly problems: readonly ItemProblem[]
    }
  | Exclude<Listing, { kind: 'listed' }>

/** How many entries are unpacked at one go: some milliseconds' worth. */
const ENTRIES_AT_ONCE = 4096

/** Packs listings for `unpackListings`. */
export function packListings(listings: readonly Listing[]): PackedListings {
  const entries = listings.flatMap(listing => (listing.kind === 'listed' ? listing.entries : []))
  const stamps = stampTable(entries.length)
  let names = ''
  let targets = ''
  entries.forEach(({ name, stamp, target }, i) => {
    putStamp(stamps, i, stamp)
    names += `${name}\0`
    if (target !== undefined) targets += `${target}\0`
  })
  return { outcomes: listings.map(outcomeOf), names, targets, stamps }
}

function outcomeOf(listing: Listing): PackedOutcome {
  if (listing.kind !== 'listed') return listing
  const { kind, entries, missing, badNames, problems } = listing
  return { kind, count: entries.length, missing, badNames, problems }
}

/** What is handed over instead of being copied. */
export function buffersOf({ stamps }: PackedListings): ArrayBuffer[] {
  return buffersOfStamps(stamps)
}

/** The listings that were packed. `breathe` is awaited every few thousand entries, so that very many of them hold up nobody. */
export async function unpackListings(packed: PackedListings, breathe: () => Promise<void>): Promise<Listing[]> {
  const names = packed.names.split('\0')
  const targets = packed.targets.split('\0').values()
  const listings: Listing[] = []
  let next = 0
  for (const outcome of packed.outcomes) {
    if (outcome.kind !== 'listed') {
      listings.push(outcome)
      continue
    }
    const { kind, count, missing, badNames, problems } = outcome
    const entries: Listed[] = []
    for (const end = next + count; next < end; next++) {
      if (next % ENTRIES_AT_ONCE === ENTRIES_AT_ONCE - 1) await breathe()
      entries.push(entryAt(packed, next, names[next] ?? '', targets))
    }
    listings.push({ kind, entries, missing, badNames, problems })
  }
  return listings
}

function entryAt(packed: PackedListings, i: number, name: string, targets: Iterator<string>): Listed {
  const stamp = stampAt(packed.stamps, i)
  if (stamp.kind !== 'symlink') return { name, stamp }
  const { value } = targets.next() as IteratorYieldResult<string>
  return { name, stamp, target: value }
}
