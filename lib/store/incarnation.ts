import { open, readFile, rename, stat, unlink } from 'node:fs/promises'

/** What shows that an index is the one that was here the last time, and not an older copy of it. */
interface Incarnation {
  /** How often the index was opened. */
  readonly openings: number
  /** Which file it is: device and inode. */
  readonly file: string
  /** Its size when it was last looked at: an index file never shrinks. */
  readonly size: number
}

/** The note of an index's last opening, kept outside of the index. undefined where there is none, or none that can be read. */
export async function readIncarnation(noteFile: string): Promise<Incarnation | undefined> {
  try {
    const { openings, file, size } = JSON.parse(await readFile(noteFile, 'utf8')) as Partial<Incarnation>
    if (typeof openings !== 'number' || typeof file !== 'string' || typeof size !== 'number') return undefined
    return { openings, file, size }
  } catch {
    // Missing or damaged: nothing is known, which is as good as nothing written.
    return undefined
  }
}

/** Which file `dataFile` is and how large; undefined where it is missing. */
export async function identify(
  dataFile: string
): Promise<{ readonly file: string; readonly size: number } | undefined> {
  const found = await stat(dataFile, { bigint: true }).catch(() => undefined)
  return found === undefined ? undefined : { file: `${found.dev}:${found.ino}`, size: Number(found.size) }
}

/** Notes an opening, durably. */
export async function writeIncarnation(noteFile: string, incarnation: Incarnation): Promise<void> {
  const fresh = `${noteFile}.new`
  await unlink(fresh).catch(() => undefined)
  const handle = await open(fresh, 'wx', 0o600)
  try {
    await handle.writeFile(JSON.stringify(incarnation))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, noteFile)
}

/** LMDB's mark, little-endian, in each of the two meta pages. Source: lmdb's mdb.c, MDB_MAGIC. */
const MAGIC = Buffer.from([0xde, 0xc0, 0xef, 0xbe])
const PAGE_BYTES = 4096
const MARK_WITHIN_BYTES = 64

/** True where both meta pages of an index file are marked as such: LMDB ends the process over a file where they are not. */
export async function isMarked(dataFile: string): Promise<boolean> {
  const handle = await open(dataFile, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2 * PAGE_BYTES), 0, 2 * PAGE_BYTES, 0)
    if (bytesRead < 2 * PAGE_BYTES) return false
    return [0, PAGE_BYTES].every(page => buffer.subarray(page, page + MARK_WITHIN_BYTES).includes(MAGIC))
  } finally {
    await handle.close()
  }
}
