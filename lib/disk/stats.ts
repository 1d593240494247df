import type { BigIntStats } from 'node:fs'
import type { Stamp } from '../core/model/stamp.js'

/** The stamp that Node's stats are. */
export function stampOf(stats: BigIntStats): Stamp {
  const kind = kindOf(stats)
  return {
    kind,
    device: stats.dev,
    inode: stats.ino,
    size: kind === 'file' ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    mode: Number(stats.mode & 0o777n)
  }
}

function kindOf(stats: BigIntStats): Stamp['kind'] {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  return stats.isSymbolicLink() ? 'symlink' : 'special'
}
