import { constants } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { RESERVED_NAME } from '../core/model/path.js'

/** Replaces a file that lies directly in a folder, as a careful editor does: whole or not at all. Throws the system's error. */
export async function replaceUserFile(folder: string, name: string, text: string): Promise<void> {
  const draft = join(folder, RESERVED_NAME, 'tmp', `edit-${name}-${process.pid}`)
  const handle = await open(
    draft,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
    0o644
  )
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await rename(draft, join(folder, name))
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
