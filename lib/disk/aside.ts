import { randomBytes } from 'node:crypto'
import { chmod, link, lstat, mkdir, open, realpath, rename, symlink, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { partsWithData } from '../core/chunk/zeros.js'
import { BackerError } from '../core/error.js'
import type { FilePayload } from '../core/model/record.js'
import type { FileSystem } from './filesystem.js'
import type { TreeItem } from './kept.js'
import { openFileSystem } from './open-filesystem.js'
import { codeOf } from './problem.js'

/** A place outside the folder to which items are restored. */
export interface Aside {
  /** Writes an item; `content`: the bytes of a file. Nothing that stands there is replaced. Throws the system's error, and what `content` does. */
  write(item: TreeItem, content: AsyncIterable<Uint8Array>): Promise<void>
  /** All items have been written: directories get their modes. */
  finish(): Promise<void>
}

/** A directory outside the folder; it is made where it is missing. Throws the system's error. */
export async function openAside(directory: string): Promise<Aside> {
  await mkdir(directory, { recursive: true })
  return new AsideDirectory(await realpath(directory))
}

class AsideDirectory implements Aside {
  readonly #root: string
  readonly #fs: FileSystem = openFileSystem()
  /** Directories that were made, and the modes that they are to get: what forbids writing has to come last. */
  readonly #modes: (readonly [path: string, mode: number])[] = []

  constructor(root: string) {
    this.#root = root
  }

  async write({ path, payload }: TreeItem, content: AsyncIterable<Uint8Array>): Promise<void> {
    const target = join(this.#root, path)
    await this.#makeInside(dirname(target))
    if (payload.kind === 'directory') {
      if (await this.#makeInside(target)) this.#modes.push([target, payload.mode])
    } else if (payload.kind === 'symlink') await this.#link(target, payload.target, payload.mtimeNs)
    else await this.#writeFile(target, payload, content)
  }

  async finish(): Promise<void> {
    for (const [path, mode] of this.#modes.reverse()) await chmod(path, mode)
  }

  /** Makes a directory below the root; false where it is there already. A symlink on the way that leads out of it is not followed any further. */
  async #makeInside(directory: string): Promise<boolean> {
    if (directory === this.#root) return false
    await this.#makeInside(dirname(directory))
    const isMade = await made(mkdir(directory))
    const real = await realpath(directory)
    if (!real.startsWith(this.#root + sep))
      throw new BackerError('NOT_A_DIRECTORY', `${directory} leads out of ${this.#root}`, { path: directory })
    return isMade
  }

  async #link(path: string, target: string, mtimeNs: bigint): Promise<void> {
    await symlink(target, path)
    const directory = this.#fs.openRoot(dirname(path))
    try {
      this.#fs.setMetadata(directory, basename(path), undefined, mtimeNs)
    } finally {
      this.#fs.closeDirectory(directory)
    }
  }

  /** A file has its name only when it is whole. */
  async #writeFile(target: string, payload: FilePayload, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (await isThere(target)) throw Object.assign(new Error(`EEXIST: ${target}`), { code: 'EEXIST' })
    const unfinished = join(dirname(target), `.backer-${randomBytes(8).toString('hex')}`)
    const file = await open(unfinished, 'wx', 0o600)
    try {
      await writeContent(file, content)
      this.#fs.setFileMetadata(file.fd, payload.mode, payload.mtimeNs)
      await file.sync()
      await giveName(unfinished, target)
    } finally {
      await file.close()
      await unlink(unfinished).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error
      })
    }
  }
}

/** Writes into a new file all but the holes. */
async function writeContent(file: FileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
  let size = 0
  for await (const bytes of content) {
    for (const [from, to] of partsWithData(size, bytes)) {
      for (let done = from; done < to;) done += (await file.write(bytes, done, to - done, size + done)).bytesWritten
    }
    size += bytes.byteLength
  }
  await file.truncate(size)
}

/** Gives a file another name, and replaces nothing. */
async function giveName(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw error
    // No second names here.
    if (await isThere(to)) throw Object.assign(new Error(`EEXIST: ${to}`), { code: 'EEXIST' })
    await rename(from, to)
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return false
  }
}

/** False where what was to be made is there already. */
async function made(making: Promise<unknown>): Promise<boolean> {
  try {
    await making
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    return false
  }
}
