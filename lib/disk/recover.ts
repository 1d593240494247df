import { hashBytes, hashesEqual, hashFromKey, type Hash, type HashKey } from '../core/model/hash.js'
import { parentOf, type RelativePath } from '../core/model/path.js'
import type { Stamp } from '../core/model/stamp.js'
import type { DiskTraits, Recovered } from './disk.js'
import { closeDirectory } from './closed.js'
import { exchange, giveBack, keepFromTmp, placeCopy } from './displace.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { syncTouched, type Metadata } from './metadata.js'
import { DIRECTORY_ROOT, parseTmpName, type TmpName } from './names.js'
import { withOwnDirectories } from './own.js'
import { isNotEmpty } from './place.js'
import { codeOf, fatalOf } from './problem.js'
import { RECOVERED_NAME } from './revisions.js'
import { Directories, MissingDirectory } from './walk.js'
import { isUntouched, targetAt, type Target, type Workspace } from './workspace.js'

export interface RecoverOptions {
  readonly traits: DiskTraits
  /** Wall time, milliseconds since 1970: for the names of revisions, and the age of partial files. */
  readonly nowMs: number
  readonly bytes: (length: number) => Uint8Array
  /** The content root of an open file, or undefined where it can't be read. LIMIT: takes as long as reading it does. */
  readonly contentRootOf: (file: FileHandle) => Hash | undefined
  /** The path of the index with this `pathHash` (see `names.ts`); undefined where there is none. Called for what a crash left only. */
  readonly pathByHash: (hash: string) => RelativePath | undefined
  /** Where what stood at the path with this hash was to be kept as a conflict copy; undefined where it was to become a revision. */
  readonly copyByHash?: (hash: string) => RelativePath | undefined
  /** Mode and mtime of the file at the path with this hash, as the disk showed them last; undefined where that is not known. */
  readonly metadataByHash?: (hash: string) => Metadata | undefined
}

/** How long a partial file is kept. Counted from its ctime: its mtime may be that of the file it is to become. */
const PARTIAL_AGE_MAX_MS = 7 * 24 * 3600 * 1000

interface Recovery {
  readonly work: Workspace
  readonly options: RecoverOptions
  readonly putBack: RelativePath[]
  readonly reusable: string[]
  keptCount: number
  expiredCount: number
}

/**
 * Looks through `.backer/tmp` for what a crash left there, before anything else is done to the folder. What was ours goes back
 * to be used again, what was the user's goes back to its path, or, where something newer stands there, to the revisions. An
 * exchange that was not finished is undone. Only our own copies are ever removed. It may be called, or be cut off by a
 * crash, any number of times. Throws FILE_SYSTEM where the disk fails, MARKER where `.backer` is gone.
 */
export function recover(fs: FileSystem, root: DirectoryHandle, options: RecoverOptions): Recovered {
  try {
    return withOwnDirectories(fs, root, own => {
      const tree = new Directories(fs, root)
      const revisions = new Directories(fs, own.revisions)
      try {
        const naming = { nowMs: options.nowMs, bytes: options.bytes }
        const { traits } = options
        const isDeletable = (): boolean => false
        const work = {
          fs,
          tree,
          revisions,
          // Recovery puts back what was taken, and keeps what it can't: nothing is known of damage here.
          damaged: () => revisions,
          tmp: own.tmp,
          naming,
          traits,
          isDeletable,
          touched: new Set<RelativePath>(),
          opened: new Map()
        } satisfies Workspace
        const recovery: Recovery = { work, options, putBack: [], reusable: [], keptCount: 0, expiredCount: 0 }
        for (const bytes of fs.names(own.tmp)) recoverOne(recovery, Buffer.from(bytes).toString())
        syncTouched(work, root)
        const { putBack, keptCount, reusable, expiredCount } = recovery
        return { putBack, keptCount, reusable, expiredCount }
      } finally {
        tree.close()
        revisions.close()
      }
    })
  } catch (error) {
    throw fatalOf(error)
  }
}

function recoverOne(recovery: Recovery, name: string): void {
  const { work, options } = recovery
  const meaning = parseTmpName(name)
  const stamp = work.fs.lstat(work.tmp, name)
  if (stamp === undefined || meaning.kind === 'other') return
  if (meaning.kind === 'partial') {
    expire(recovery, name, stamp)
    return
  }
  if (meaning.kind === 'open') {
    giveModeBack(recovery, name, meaning)
    return
  }
  const isOurs = (directory: DirectoryHandle, at: string, found: Stamp): boolean =>
    isMeant(recovery, meaning, { directory, name: at, stamp: found })
  const path = options.pathByHash(meaning.path)
  if (isOurs(work.tmp, name, stamp)) reuse(recovery, meaning, name)
  else if (path !== undefined && undoExchange(recovery, { name, path, stamp }, isOurs)) {
    recovery.putBack.push(path)
    if (work.fs.lstat(work.tmp, name) !== undefined) takeBack(recovery, meaning, name)
  } else restore(recovery, { name, pathHash: meaning.path })
}

function giveModeBack(
  { work, options }: Recovery,
  name: string,
  { path: hash, mode }: Extract<TmpName, { kind: 'open' }>
): void {
  const path = options.pathByHash(hash)
  const target = path === undefined ? undefined : targetIfThere(work, path)
  if (target !== undefined) closeDirectory(work.fs, target.directory, target.name, mode)
  work.fs.unlink(work.tmp, name)
}

function expire(recovery: Recovery, name: string, stamp: Stamp): void {
  const { work, options } = recovery
  const ageMs = options.nowMs - Number(stamp.ctimeNs / 1_000_000n)
  if (stamp.kind !== 'file' || ageMs <= PARTIAL_AGE_MAX_MS) return
  work.fs.unlink(work.tmp, name)
  recovery.expiredCount++
}

interface Found {
  readonly directory: DirectoryHandle
  readonly name: string
  readonly stamp: Stamp
}

/** True where what was found is what its name in `.backer/tmp` says that it is to become a path: it is ours then. */
function isMeant(recovery: Recovery, meaning: TmpName, found: Found): boolean {
  if (meaning.kind === 'move') return found.stamp.inode === meaning.inode
  if (meaning.kind !== 'swap') return false
  const root = rootOf(recovery, found)
  return root !== undefined && hashesEqual(root, hashFromKey(meaning.root as HashKey))
}

function rootOf(recovery: Recovery, found: Found): Hash | undefined {
  const { fs } = recovery.work
  const { directory, name, stamp } = found
  switch (stamp.kind) {
    case 'file':
      return rootOfFile(recovery, found)
    case 'symlink':
      return hashBytes(fs.readlink(directory, name))
    case 'directory':
      return isEmpty(fs, directory, name) ? DIRECTORY_ROOT : undefined
    case 'special':
      return undefined
  }
}

function rootOfFile(recovery: Recovery, { directory, name, stamp }: Found): Hash | undefined {
  const { fs } = recovery.work
  try {
    const file = fs.openRead(directory, name)
    try {
      const root = recovery.options.contentRootOf(file)
      return isUntouched(fs.fstat(file), stamp) ? root : undefined
    } finally {
      fs.close(file)
    }
  } catch (error) {
    // What this user can't read can't be told from the user's own: it is kept.
    if (['EACCES', 'ENOENT', 'ELOOP', 'EIO'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

function isEmpty(fs: FileSystem, parent: DirectoryHandle, name: string): boolean {
  const directory = fs.openDirectory(parent, name)
  try {
    return fs.names(directory).length === 0
  } finally {
    fs.closeDirectory(directory)
  }
}

/** Makes what is ours, and has not got its place, available again. */
function reuse(recovery: Recovery, meaning: TmpName, name: string): void {
  const { fs, tmp } = recovery.work
  if (meaning.kind === 'move') {
    undress(recovery, meaning, name)
    restore(recovery, { name, pathHash: meaning.from })
    return
  }
  const stamp = fs.lstat(tmp, name)
  if (meaning.kind !== 'swap' || stamp === undefined) return
  if (stamp.kind === 'directory') removeOwnDirectory(recovery, name, meaning.path)
  else if (stamp.kind === 'symlink') fs.unlink(tmp, name)
  else reuseStaged(recovery, name, meaning.staged)
}

/** Gives a file that was taken for a move the mode and time that it had: those that it was to get where it was to go are nobody's doing here. */
function undress({ work, options }: Recovery, { from }: Extract<TmpName, { kind: 'move' }>, name: string): void {
  const { fs, tmp, traits } = work
  const metadata = options.metadataByHash?.(from)
  const path = options.pathByHash(from)
  const stamp = fs.lstat(tmp, name)
  if (metadata === undefined || path === undefined || stamp?.kind !== 'file') return
  const mode = traits.hasModes && stamp.mode !== metadata.mode ? metadata.mode : undefined
  const mtimeNs = stamp.mtimeNs === metadata.mtimeNs ? undefined : metadata.mtimeNs
  if (mode === undefined && mtimeNs === undefined) return
  fs.setMetadata(tmp, name, mode, mtimeNs)
  work.touched.add(path)
}

/** As `reuse`, of what has stood at its path: where a user has linked a file there, that is his by now, and would change with what is made of it. */
function takeBack(recovery: Recovery, meaning: TmpName, name: string): void {
  const { fs, tmp } = recovery.work
  const isUsers = meaning.kind === 'swap' && fs.lstat(tmp, name)?.kind === 'file' && fs.isLinked(tmp, name)
  if (isUsers) fs.unlink(tmp, name)
  else reuse(recovery, meaning, name)
}

function reuseStaged(recovery: Recovery, name: string, staged: string): void {
  const { fs, tmp } = recovery.work
  // A partial file of the same name is our own copy of the same, begun again.
  if (fs.lstat(tmp, staged)?.kind === 'file') fs.unlink(tmp, staged)
  // Its mode may forbid us to write it, which another try has to.
  if (recovery.work.traits.hasModes) fs.setMetadata(tmp, name, 0o600, undefined)
  fs.renameNoReplace(tmp, name, tmp, staged)
  recovery.reusable.push(staged)
}

function removeOwnDirectory(recovery: Recovery, name: string, pathHash: string): void {
  try {
    recovery.work.fs.rmdir(recovery.work.tmp, name)
  } catch (error) {
    if (!isNotEmpty(error)) throw error
    keep(recovery, name, pathHash)
  }
}

/**
 * Undoes an exchange: `.backer/tmp` has what the user had at the path, and at the path stands what is ours. False where that is not
 * so: nothing is done then. Afterwards `name` may be ours again.
 */
function undoExchange(
  recovery: Recovery,
  lost: { readonly name: string; readonly path: RelativePath; readonly stamp: Stamp },
  isOurs: (directory: DirectoryHandle, name: string, found: Stamp) => boolean
): boolean {
  const { work } = recovery
  const target = targetIfThere(work, lost.path)
  if (target === undefined || !work.traits.canExchange) return false
  const standing = work.fs.lstat(target.directory, target.name)
  if (standing === undefined || !isOurs(target.directory, target.name, standing)) return false
  if (!exchange(work, lost.name, target)) return false
  const out = work.fs.lstat(work.tmp, lost.name)
  if (out === undefined || isUntouched(out, standing)) return true
  // The user has saved in this moment: what came out goes back, and what a crash had left here is kept.
  giveBack(work, { name: lost.name, stamp: lost.stamp }, target, out)
  recovery.keptCount++
  if (work.fs.lstat(work.tmp, lost.name) !== undefined) keepFromTmp(work, lost.name, lost.path)
  return true
}

/** Puts a user's file back to its path; where something stands there, or the path is not known, beside it as it was meant, or else into the revisions. */
function restore(recovery: Recovery, lost: { readonly name: string; readonly pathHash: string }): void {
  const { work } = recovery
  const path = recovery.options.pathByHash(lost.pathHash)
  const target = path === undefined ? undefined : targetIfThere(work, path)
  if (target === undefined) {
    keep(recovery, lost.name, lost.pathHash)
    return
  }
  try {
    work.fs.renameNoReplace(work.tmp, lost.name, target.directory, target.name)
    work.tree.markChanged(parentOf(target.path))
    recovery.putBack.push(target.path)
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    keep(recovery, lost.name, lost.pathHash)
  }
}

function keep(recovery: Recovery, name: string, pathHash: string): void {
  const copy = recovery.options.copyByHash?.(pathHash)
  if (copy !== undefined && placeIfThere(recovery.work, name, copy)) {
    recovery.putBack.push(copy)
    return
  }
  const known = recovery.options.pathByHash(pathHash)
  const path = known ?? (`${RECOVERED_NAME}/${pathHash === '' ? 'unknown' : pathHash}` as RelativePath)
  keepFromTmp(recovery.work, name, path)
  recovery.keptCount++
}

function placeIfThere(work: Workspace, name: string, path: RelativePath): boolean {
  try {
    return placeCopy(work, name, path) !== undefined
  } catch (error) {
    if (error instanceof MissingDirectory) return false
    throw error
  }
}

function targetIfThere(work: Workspace, path: RelativePath): Target | undefined {
  try {
    return targetAt(work, path)
  } catch (error) {
    if (error instanceof MissingDirectory) return undefined
    throw error
  }
}
