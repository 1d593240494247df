import { open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Blake3Hasher } from '@napi-rs/blake-hash'

/** What shows that an index is the one that was here the last time, whole, and not an older copy of it. */
export interface IndexNote {
  /** How often the index was opened. */
  readonly openings: number
  /** The device whose index it is; undefined in a note of an earlier version. */
  readonly owner?: string | undefined
  /** Which file it is: its inode. Not its device, whose number may be another one after the machine was started anew. */
  readonly file: string
  /** The file that is about to take its place: a crash may come before or after. */
  readonly successor: string | undefined
  /** Its size when it was last looked at, in bytes: an index file never shrinks. */
  readonly size: number
  /** The hash of the whole file, in hexadecimal; only from its closing to its next opening. */
  readonly seal: string | undefined
}

/** The note of an index's last opening or closing, kept outside of the index. undefined where there is none, or none that can be read. */
export async function readNote(noteFile: string): Promise<IndexNote | undefined> {
  try {
    const { openings, owner, file, successor, size, seal } = JSON.parse(
      await readFile(noteFile, 'utf8')
    ) as Partial<IndexNote>
    if (typeof openings !== 'number' || typeof file !== 'string' || typeof size !== 'number') return undefined
    return { openings, owner: textOf(owner), file, successor: textOf(successor), size, seal: textOf(seal) }
  } catch {
    // Missing or damaged: nothing is known, which is as good as nothing written.
    return undefined
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** Which file `dataFile` is and how large; undefined where it is missing. */
export async function identify(
  dataFile: string
): Promise<{ readonly file: string; readonly size: number } | undefined> {
  const found = await stat(dataFile, { bigint: true }).catch(() => undefined)
  return found === undefined ? undefined : { file: String(found.ino), size: Number(found.size) }
}

/** Notes an opening or a closing, durably. */
export async function writeNote(noteFile: string, note: IndexNote): Promise<void> {
  const fresh = `${noteFile}.new`
  await unlink(fresh).catch(() => undefined)
  const handle = await open(fresh, 'wx', 0o600)
  try {
    await handle.writeFile(JSON.stringify(note))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, noteFile)
  await syncDirectory(dirname(noteFile))
}

/** Makes a file's content durable. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes the names in a directory durable. Windows has no call for that: it does so by itself. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const SEAL_READ_BYTES = 4 * 1024 * 1024

/** The BLAKE3 hash of a whole file, in hexadecimal. Reads 4 MiB at a time, about a millisecond of hashing each. */
export async function sealOf(dataFile: string): Promise<string> {
  const hash = new Blake3Hasher()
  const buffer = Buffer.allocUnsafe(SEAL_READ_BYTES)
  const handle = await open(dataFile, 'r')
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, SEAL_READ_BYTES)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await handle.close()
  }
}
