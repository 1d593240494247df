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
