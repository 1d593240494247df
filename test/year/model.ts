import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { nextBoundary } from '../../lib/core/chunk/fastcdc.js'
import { hashBytes, hashKey } from '../../lib/core/model/hash.js'

/** What stands at a path. Buffers are never changed: states share them. */
export type Standing =
  | { readonly kind: 'file'; readonly bytes: Buffer; readonly mode: number; readonly mtimeNs: bigint }
  | { readonly kind: 'symlink'; readonly target: string }

/** A state of the folder: every file and link by its path. */
export type State = ReadonlyMap<string, Standing>

/** What a directory shows below `root`; `.backer` apart. */
export function readState(root: string): State {
  const state = new Map<string, Standing>()
  const walk = (directory: string): void => {
    for (const name of readdirSync(join(root, directory))) {
      const path = directory === '' ? name : `${directory}/${name}`
      const stat = lstatSync(join(root, path), { bigint: true })
      if (path === '.backer') continue
      if (stat.isDirectory()) walk(path)
      else if (stat.isSymbolicLink()) state.set(path, { kind: 'symlink', target: readlinkSync(join(root, path)) })
      else {
        const bytes = readFileSync(join(root, path))
        state.set(path, { kind: 'file', bytes, mode: Number(stat.mode) & 0o777, mtimeNs: stat.mtimeNs })
      }
    }
  }
  walk('')
  return state
}

/** The first paths at which two states are not the same to the last byte. */
export function differencesOf(a: State, b: State): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter(path => !isSame(a.get(path), b.get(path))).slice(0, 5)
}

function isSame(a: Standing | undefined, b: Standing | undefined): boolean {
  if (a?.kind === 'symlink' && b?.kind === 'symlink') return a.target === b.target
  if (a?.kind !== 'file' || b?.kind !== 'file') return a === b
  return a.mode === b.mode && a.mtimeNs === b.mtimeNs && a.bytes.equals(b.bytes)
}

/** The chunks of contents, each once: how many bytes they have. */
export function uniqueChunkBytes(contents: Iterable<Buffer>): number {
  const sizes = new Map<string, number>()
  for (const bytes of new Set(contents)) {
    for (let start = 0; start < bytes.length;) {
      const end = nextBoundary(bytes, start, bytes.length, true) ?? bytes.length
      sizes.set(hashKey(hashBytes(bytes.subarray(start, end))), end - start)
      start = end
    }
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}

/** The bytes of all files below a directory. */
export function bytesBelow(directory: string): number {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).size, 0)
}

const HOUR_MS = 3600 * 1000
const DAY_MS = 24 * HOUR_MS
/** Up to which age, and one of how long a time. */
const TIERS: readonly (readonly [ageMs: number, periodMs: number])[] = [
  [2 * DAY_MS, HOUR_MS],
  [7 * DAY_MS, DAY_MS],
  [31 * DAY_MS, 7 * DAY_MS],
  [730 * DAY_MS, 30 * DAY_MS]
]

/** The rule as the documentation has it, by its words: of things kept at these times, those that stay. */
export function byTheRule<T extends { readonly atMs: number }>(all: readonly T[], nowMs: number): T[] {
  const latestFirst = [...all].sort((a, b) => b.atMs - a.atMs)
  const staying = new Set(latestFirst.slice(0, 10))
  TIERS.forEach(([ageMs, periodMs], i) => {
    const youngerMs = TIERS[i - 1]?.[0] ?? -Infinity
    const ofThisAge = latestFirst.filter(({ atMs }) => nowMs - atMs > youngerMs && nowMs - atMs <= ageMs)
    const periods = new Set(ofThisAge.map(({ atMs }) => Math.floor(atMs / periodMs)))
    for (const period of periods) {
      const latest = ofThisAge.find(({ atMs }) => Math.floor(atMs / periodMs) === period)
      if (latest !== undefined) staying.add(latest)
    }
  })
  return all.filter(one => staying.has(one))
}
