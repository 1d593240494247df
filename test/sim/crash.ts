import type { SeededRandom } from './random.js'
import type { Held, Inode, Volume } from './volume.js'

/** What a power loss did. */
export interface Lost {
  /** Files whose bytes are not what they were. */
  readonly damaged: readonly Inode[]
  readonly droppedCount: number
}

/**
 * The power goes: of what is not synced, any part that the file system may lose is lost. A file has what was synced last, what was written last, or
 * part of it: cut short, or with zeros. Entries of directories are dropped as the journal allows.
 */
export function losePower(volume: Volume, random: SeededRandom): Lost {
  const damaged: Inode[] = []
  for (const inode of [...volume.dirty]) {
    const left = leftOf(inode, random)
    const isSame = Buffer.from(left.bytes).equals(inode.bytes)
    if (!isSame) damaged.push(inode)
    if (!isSame || left.mode !== inode.mode || left.mtimeNs !== inode.mtimeNs) volume.hold(inode, left)
    volume.syncInode(inode)
  }
  const keep = random.weighted([
    [1, 0],
    [2, 50],
    [1, 100]
  ])
  const dropped = volume.journal.takeDropped(() => random.below(100) >= keep)
  for (const { slots } of dropped) for (const { slot, before } of [...slots].reverse()) volume.revert(slot, before)
  return { damaged, droppedCount: dropped.length }
}

function leftOf(inode: Inode, random: SeededRandom): Held {
  const { bytes, mode, mtimeNs } = inode
  const old = inode.synced ?? { bytes: bytes.subarray(0, 0), mode, mtimeNs }
  // Only mode or time were changed.
  if (old.bytes === bytes) return random.oneIn(2) ? old : { bytes, mode, mtimeNs }
  switch (random.below(4)) {
    case 0:
      return old
    case 1:
      return { bytes, mode, mtimeNs }
    case 2:
      return { bytes: bytes.subarray(0, random.below(bytes.byteLength + 1)), mode, mtimeNs }
    default:
      return { bytes: new Uint8Array(bytes.byteLength), mode: old.mode, mtimeNs }
  }
}
