import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'brittle'
import { hashBytes, type Hash } from '../../lib/core/model/hash.js'
import { parsePath, type RelativePath } from '../../lib/core/model/path.js'
import type { Stamp } from '../../lib/core/model/stamp.js'
import type { DiskTraits, Expected, InstallResult, InstallStep, Recovered } from '../../lib/disk/disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from '../../lib/disk/filesystem.js'
import { installBatch } from '../../lib/disk/install.js'
import { createMarker } from '../../lib/disk/marker.js'
import { pathHash, stagedName } from '../../lib/disk/names.js'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'
import { withTmp } from '../../lib/disk/own.js'
import { recover } from '../../lib/disk/recover.js'
import { stageSmall } from '../../lib/disk/stage.js'
import { withParent } from '../../lib/disk/walk.js'

export const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5)
/** The mtime of what is installed. */
export const NEW_MTIME_NS = 1_600_000_000_123_456_789n
export const TRAITS: DiskTraits = {
  foldsCase: false,
  foldsUnicode: false,
  hasSymlinks: true,
  hasModes: true,
  canExchange: openFileSystem().canExchange
}

/** A folder on the real disk, with its marker, and short words for what the tests do to it. */
export interface Folder {
  readonly fs: FileSystem
  readonly root: DirectoryHandle
  readonly directory: string
  readonly at: (path: string) => string
}

export function makeFolder(t: Test, fs: FileSystem = openFileSystem()): Folder {
  return openFolder(t, fs, emptyDirectory(t))
}

/** An empty directory; `inMemory`: on a file system in memory where there is one, for tests with thousands of folders. */
export function emptyDirectory(t: Test, inMemory = false): string {
  const base = inMemory && existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const directory = mkdtempSync(join(base, 'backer-disk-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }), { order: 100 })
  return directory
}

/** A fresh folder in `directory`, which is emptied. */
export function openFolder(t: Test, fs: FileSystem, directory: string): Folder {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  const root = fs.openRoot(directory)
  t.teardown(() => fs.closeDirectory(root), { order: -1 })
  createMarker(fs, root, { folder: 'folder-id', instance: 'instance-id' })
  return { fs, root, directory, at: path => join(directory, path) }
}

/** Writes as a user does, with an mtime well in the past: what the tests write later differs from it. */
export function userWrites(folder: Folder, path: string, text: string): void {
  mkdirSync(dirname(folder.at(path)), { recursive: true })
  writeFileSync(folder.at(path), text)
  utimesSync(folder.at(path), 1_500_000_000, 1_500_000_000)
}

export function stampAt(folder: Folder, path: string): Stamp | undefined {
  return withParent(folder.fs, folder.root, parsePath(path), (parent, name) => folder.fs.lstat(parent, name))
}

/** What the index would expect at `path` now. */
export function expectedAt(folder: Folder, path: string): Expected {
  const stamp = stampAt(folder, path)
  return stamp === undefined ? { kind: 'nothing' } : { kind: 'stamped', stamp }
}

/** Stages `text` for `path` and gives its name. */
export function staged(folder: Folder, path: string, text: string): string {
  const bytes = Buffer.from(text)
  const name = stagedName(hashBytes(bytes), parsePath(path))
  withTmp(folder.fs, folder.root, tmp => stageSmall(folder.fs, tmp, [{ name, bytes }], true))
  return name
}

/** The step that makes `text` stand at `path`, where there stands now what is expected. */
export function fileStep(
  folder: Folder,
  path: string,
  text: string,
  more: { readonly expected?: Expected; readonly mode?: number; readonly conflict?: string } = {}
): InstallStep {
  return {
    kind: 'file',
    path: parsePath(path),
    expected: more.expected ?? expectedAt(folder, path),
    staged: staged(folder, path, text),
    mtimeNs: NEW_MTIME_NS,
    mode: more.mode ?? 0o640,
    displaced: more.conflict === undefined ? REVISION : { kind: 'conflict', path: parsePath(more.conflict) }
  }
}

export const REVISION = { kind: 'revision' } as const

let counter = 0
/** Bytes that never repeat. */
export function countingBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let rest = counter++
  for (let i = 0; i < length; i++, rest = Math.floor(rest / 32)) bytes[i] = rest % 32
  return bytes
}

export function install(folder: Folder, steps: readonly InstallStep[], traits = TRAITS): readonly InstallResult[] {
  return installBatch(folder.fs, folder.root, steps, { traits, nowMs: NOW_MS, bytes: countingBytes })
}

/** Recovers as a start does, knowing `paths`, and what the disk showed there last. */
export function recoverFolder(
  folder: Folder,
  paths: readonly string[],
  nowMs = Date.now(),
  stamps: ReadonlyMap<string, Stamp> = new Map()
): Recovered {
  const byHash = new Map(paths.map(path => [pathHash(parsePath(path)), parsePath(path)]))
  return recover(folder.fs, folder.root, {
    traits: TRAITS,
    nowMs,
    bytes: countingBytes,
    contentRootOf: file => rootOf(folder.fs, file),
    pathByHash: hash => byHash.get(hash),
    metadataByHash: hash => stamps.get(byHash.get(hash) ?? '')
  })
}

function rootOf(fs: FileSystem, file: FileHandle): Hash {
  const bytes = new Uint8Array(fs.fstat(file).size)
  fs.read(file, bytes, 0, bytes.byteLength, 0)
  return hashBytes(bytes)
}

/** Every file below `path` (as `path -> text`), in `.backer` only where `path` says so. */
export function textsBelow(folder: Folder, path = '', found = new Map<string, string>()): ReadonlyMap<string, string> {
  for (const name of readdirSync(folder.at(path))) {
    const below = path === '' ? name : `${path}/${name}`
    if (below === '.backer') continue
    const stats = lstatSync(folder.at(below))
    if (stats.isDirectory()) textsBelow(folder, below, found)
    else if (stats.isFile()) found.set(below, readFileSync(folder.at(below), 'utf8'))
  }
  return found
}

/** The texts in the revisions. */
export function revisionTexts(folder: Folder): string[] {
  return [...textsBelow(folder, '.backer/revisions').values()]
}

/** The names in `.backer/tmp`. */
export function tmpNames(folder: Folder): string[] {
  return readdirSync(folder.at('.backer/tmp')).sort()
}

export function pathOf(path: string): RelativePath {
  return parsePath(path)
}
