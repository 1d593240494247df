import { hashAll } from '../core/model/hash.js'
import type { Snapshot } from '../core/model/snapshot.js'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
const LETTERS = 6

/** The id of the snapshot that a device made at a time: `YYYYMMDD-HHMMSS-xxxxxx`, in UTC. The same on every device. */
export function snapshotId({ root, atMs, device }: Pick<Snapshot, 'root' | 'atMs' | 'device'>): string {
  const hash = hashAll([Buffer.from(`backer snapshot v1\0${device}\0${atMs}\0`), root])
  return `${timeText(atMs)}-${Array.from(hash.subarray(0, LETTERS), letterOf).join('')}`
}

/** A point in time (milliseconds since 1970) as names have it: `YYYYMMDD-HHMMSS`, in UTC. */
export function timeText(ms: number): string {
  const text = new Date(ms).toISOString()
  return `${text.slice(0, 10).replaceAll('-', '')}-${text.slice(11, 19).replaceAll(':', '')}`
}

/** The letter that a byte stands for in ids. */
export function letterOf(byte: number): string {
  return BASE32[byte % BASE32.length] ?? ''
}
