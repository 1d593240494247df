import type { Hash } from './hash.js'

/** A kept state of the whole folder. */
export interface Snapshot {
  /** Tells it from all others, on every device: `YYYYMMDD-HHMMSS-xxxxxx`, in UTC. */
  readonly id: string
  /** Of the tree of all records. */
  readonly root: Hash
  /** Milliseconds since 1970, by the clock of the device that made it. */
  readonly atMs: number
  /** The device that made it: its public key in hexadecimal. */
  readonly device: string
  /** Whether the clock asked for it or somebody did. */
  readonly kind: 'automatic' | 'manual'
  /** The device's signed head that says all this, in wire bytes; undefined on a device that only reads. */
  readonly head: Uint8Array | undefined
}

/** True where a text has the form of the id of a snapshot or of a revision. */
export function isKeptId(text: string): boolean {
  return /^\d{8}-\d{6}-[a-z2-7]{6}$/.test(text)
}
