/** What tells one state of a file from another without reading it. Compared only with stamps of the same machine. */
export interface Stamp {
  readonly kind: 'file' | 'directory' | 'symlink' | 'special'
  readonly device: bigint
  readonly inode: bigint
  /** Bytes; 0 for what is not a file. */
  readonly size: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  /** Permission bits only (0o777). */
  readonly mode: number
}

/** The steps in which file systems count time: nanoseconds, and up to two seconds (FAT). */
const TIME_STEPS_NS = [1n, 100n, 1_000n, 1_000_000n, 10_000_000n, 1_000_000_000n, 2_000_000_000n]

/** True where nothing shows that the file was touched between two stamps. Directories: only kind and mode count. */
export function sameStamp(a: Stamp, b: Stamp): boolean {
  if (a.kind !== b.kind || a.mode !== b.mode) return false
  if (a.kind === 'directory') return true
  return (
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs &&
    a.inode === b.inode &&
    a.device === b.device
  )
}

/** True where `b` is `a` under another name: a rename changes the ctime and nothing else. */
export function sameInode(a: Stamp, b: Stamp): boolean {
  return (
    a.kind === b.kind && a.inode === b.inode && a.device === b.device && a.size === b.size && a.mtimeNs === b.mtimeNs
  )
}

/** True where a file system may show a time that was set, `set`, as `shown`: exactly, or as the nearest of its steps below or above. Nanoseconds. */
export function isShownAs(shown: bigint, set: bigint): boolean {
  const apart = shown < set ? set - shown : shown - set
  return TIME_STEPS_NS.some(step => apart < step && shown % step === 0n)
}
