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
