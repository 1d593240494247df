import { joinPath, nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { HISTORY_NAME, openOrMake, withOwnDirectories } from './own.js'
import { codeOf } from './problem.js'
import { trySyncFileSystem } from './ready.js'
import { Directories, MissingDirectory, SYNC_EACH_MAX } from './walk.js'

/** Where files are written before they have their names: nothing but our own unfinished copies lies there. */
const NEW_NAME = 'new'

/** The open directories that the history works in, for one operation. */
export interface HistoryPlace {
  readonly fs: FileSystem
  /** `.backer/history`. */
  readonly base: DirectoryHandle
  readonly files: Directories
  /** `.backer/revisions`: what was kept whole and is not packed yet. */
  readonly loose: Directories
}

/** Calls `fn` with the open directories of the history, and closes them. Throws MARKER where `.backer` is gone. */
export function withHistory<T>(fs: FileSystem, root: DirectoryHandle, fn: (place: HistoryPlace) => T): T {
  return withOwnDirectories(fs, root, ({ own, revisions }) => {
    const base = openOrMake(fs, own, HISTORY_NAME)
    const files = new Directories(fs, base)
    const loose = new Directories(fs, revisions)
    try {
      return fn({ fs, base, files, loose })
    } finally {
      files.close()
      loose.close()
      fs.closeDirectory(base)
    }
  })
}

/** True where a file of the history has this name. */
export function hasFile({ fs, files }: HistoryPlace, path: RelativePath): boolean {
  const directory = openIfThere(files, parentOf(path))
  return directory !== undefined && fs.lstat(directory, nameOf(path)) !== undefined
}

/** The bytes of a file of the history; undefined where there is none. Throws the system's error. */
export function readFile({ fs, files }: HistoryPlace, path: RelativePath): Uint8Array | undefined {
  const directory = openIfThere(files, parentOf(path))
  if (directory === undefined || fs.lstat(directory, nameOf(path))?.kind !== 'file') return undefined
  const file = fs.openRead(directory, nameOf(path))
  try {
    const bytes = new Uint8Array(fs.fstat(file).size)
    let done = 0
    for (let read = -1; read !== 0 && done < bytes.byteLength; done += read)
      read = fs.read(file, bytes, done, bytes.byteLength - done, done)
    return bytes.subarray(0, done)
  } finally {
    fs.close(file)
  }
}

/** Removes a file of the history; false where there is none. */
export function removeFile({ fs, files }: HistoryPlace, path: RelativePath): boolean {
  const directory = openIfThere(files, parentOf(path))
  if (directory === undefined || fs.lstat(directory, nameOf(path)) === undefined) return false
  fs.unlink(directory, nameOf(path))
  files.markChanged(parentOf(path))
  return true
}

/** The names in a directory; none where it is missing. */
export function namesIn(fs: FileSystem, directories: Directories, path: RelativePath | undefined): string[] {
  const directory = openIfThere(directories, path)
  return directory === undefined ? [] : fs.names(directory).map(bytes => Buffer.from(bytes).toString())
}

/** The open directory at `path`; undefined where it is missing. */
export function openIfThere(directories: Directories, path: RelativePath | undefined): DirectoryHandle | undefined {
  try {
    return directories.open(path)
  } catch (error) {
    if (error instanceof MissingDirectory) return undefined
    throw error
  }
}

/**
 * Files that are written together. None has its name before all of them are durable, so that what has a name is whole, whatever
 * crashes; what a crash leaves without a name is removed by the next.
 */
export class NewFiles {
  readonly #place: HistoryPlace
  readonly #directory: DirectoryHandle
  readonly #written = new Map<RelativePath, string>()
  #count = 0

  constructor(place: HistoryPlace, directory: DirectoryHandle) {
    this.#place = place
    this.#directory = directory
  }

  /** Calls `fn` with an empty set of new files, and removes what of it was not given its name. */
  static use<T>(place: HistoryPlace, fn: (files: NewFiles) => T): T {
    const { fs, base } = place
    const directory = openOrMake(fs, base, NEW_NAME)
    try {
      for (const name of fs.names(directory)) fs.unlink(directory, Buffer.from(name).toString())
      const files = new NewFiles(place, directory)
      try {
        return fn(files)
      } finally {
        files.#discard()
      }
    } finally {
      fs.closeDirectory(directory)
    }
  }

  /** Writes what is to be the file at `path`, where there is none yet. */
  add(path: RelativePath, bytes: Uint8Array): void {
    const { fs } = this.#place
    this.make(path, (directory, name) => {
      const file = fs.create(directory, name)
      try {
        fs.write(file, bytes, 0)
      } finally {
        fs.close(file)
      }
      return true
    })
  }

  /** Has `write` make what is to be the file at `path`, where there is none yet. Where it gives false, what it made is removed. */
  make(path: RelativePath, write: (directory: DirectoryHandle, name: string) => boolean): boolean {
    if (this.#written.has(path) || hasFile(this.#place, path)) return true
    const name = String(this.#count++)
    this.#written.set(path, name)
    const isMade = write(this.#directory, name)
    if (!isMade) this.#remove(path, name)
    return isMade
  }

  /** Makes all that was added durable, under its names. Throws the system's error; what has its name already keeps it. */
  settle(): void {
    const { fs, base, files } = this.#place
    const isSynced = this.#written.size > SYNC_EACH_MAX && trySyncFileSystem(fs, base)
    if (!isSynced) for (const name of this.#written.values()) this.#sync(name)
    for (const [path, name] of [...this.#written]) {
      const directory = files.make(parentOf(path))
      try {
        fs.renameNoReplace(this.#directory, name, directory, nameOf(path))
        this.#written.delete(path)
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
      files.markChanged(parentOf(path))
    }
    if (files.changedCount > SYNC_EACH_MAX && trySyncFileSystem(fs, base)) return
    files.sync()
  }

  #sync(name: string): void {
    const { fs } = this.#place
    let file: FileHandle | undefined
    try {
      file = fs.openWrite(this.#directory, name)
      fs.sync(file)
    } finally {
      if (file !== undefined) fs.close(file)
    }
  }

  #discard(): void {
    for (const [path, name] of this.#written) this.#remove(path, name)
  }

  #remove(path: RelativePath, name: string): void {
    const { fs } = this.#place
    this.#written.delete(path)
    if (fs.lstat(this.#directory, name) !== undefined) fs.unlink(this.#directory, name)
  }
}

/** `DIRECTORY/ab/abcd…`: so many files are spread over 256 directories. */
export function spread(directory: string, name: string): RelativePath {
  return joinPath(joinPath(directory as RelativePath, name.slice(0, 2)), name)
}
