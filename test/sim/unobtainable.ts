import { makeContentBuilder } from '../../lib/core/chunk/content-builder.js'
import { nextBoundary } from '../../lib/core/chunk/fastcdc.js'
import { mergeRecords } from '../../lib/core/engine/merge.js'
import { hashBytes, hashKey, type HashKey } from '../../lib/core/model/hash.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { payloadOf, sameRecord, type Record } from '../../lib/core/model/record.js'
import type { Device } from './device.js'
import type { Inode } from './volume.js'
import type { Witness } from './witness.js'

/**
 * Paths whose version exists nowhere any more: it was announced, then its device lost its index, and the user replaced or removed the file
 * before anybody had fetched it, so that nobody knows that it is gone. No bytes can be had of it: all that can be asked of devices is that those that
 * lack it say so, and are equal in everything else.
 */
export function goneForGood(devices: readonly Device[], witnesses: readonly Witness[]): ReadonlySet<string> {
  const lacking = new Set<string>()
  for (const { running } of devices)
    for (const { path, code } of running?.folder.status().problems ?? [])
      if (code === 'no-source' && path !== undefined) lacking.add(path)
  const gone = new Set<string>()
  for (const path of lacking) {
    const record = mergedRecord(devices, path)
    const payload = record === undefined ? undefined : payloadOf(record)
    if (payload?.kind !== 'file') continue
    const root = hashKey(payload.content.root)
    const isThere = witnesses.some(({ view }) =>
      [...view.inodes.values()].some(all => all.some(one => rootOf(one) === root))
    )
    if (!isThere) gone.add(path)
  }
  return gone
}

/** True where devices have the same records but for those of these paths, and none of them says that it lacks nothing. */
export function differsOnlyAt(devices: readonly Device[], paths: ReadonlySet<string>): boolean {
  const [first, ...others] = devices
  if (first === undefined || paths.size === 0) return false
  if (devices.some(({ running }) => running?.folder.status().state === 'in-sync')) return false
  return others.every(other => {
    for (const path of new Set([...first.entries.keys(), ...other.entries.keys()])) {
      if (paths.has(path)) continue
      if (!sameRecord(first.entries.get(path)?.record, other.entries.get(path)?.record)) return false
    }
    return true
  })
}

function mergedRecord(devices: readonly Device[], path: string): Record | undefined {
  let merged: Record | undefined
  for (const { entries } of devices) {
    const record = entries.get(path as RelativePath)?.record
    if (record !== undefined) merged = merged === undefined ? record : mergeRecords(merged, record)
  }
  return merged
}

/** The content root of what a file holds. */
function rootOf({ kind, bytes }: Inode): HashKey | undefined {
  if (kind !== 'file') return undefined
  const builder = makeContentBuilder(() => undefined)
  for (let start = 0; start < bytes.byteLength;) {
    const end = nextBoundary(bytes, start, bytes.byteLength, true) ?? bytes.byteLength
    builder.push(hashBytes(bytes.subarray(start, end)), end - start)
    start = end
  }
  return hashKey(builder.finish().root)
}
