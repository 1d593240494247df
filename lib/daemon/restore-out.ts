import { mkdir, open, realpath, symlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { BackerError, messageOf } from '../core/error.js'
import type { RelativePath } from '../core/model/path.js'
import type { FilePayload } from '../core/model/record.js'
import type { RestoreFailure, RestoreItem, RestoreReport } from '../folder/past.js'
import { systemCode } from '../home/private-file.js'

/** The bytes of a file that is to be restored. */
export type ReadContent = (payload: FilePayload) => AsyncIterable<Uint8Array>

/**
 * Writes items into a directory outside the folder, which is made where it is missing. Nothing that stands there is replaced: it is told
 * as failed. Throws the system's error where the directory can't be made.
 */
export async function restoreOut(
  directory: string,
  items: readonly RestoreItem[],
  read: ReadContent
): Promise<RestoreReport> {
  await mkdir(directory, { recursive: true })
  const root = await realpath(directory)
  const restored: RelativePath[] = []
  const failed: RestoreFailure[] = []
  for (const item of items) {
    try {
      await restoreOne(root, item, read)
      restored.push(item.path)
    } catch (error) {
      failed.push({ path: item.path, message: reasonOf(error) })
    }
  }
  return { restored, unchanged: 0, failed }
}

async function restoreOne(root: string, { path, payload }: RestoreItem, read: ReadContent): Promise<void> {
  const target = join(root, path)
  await makeInside(root, dirname(target))
  if (payload.kind === 'directory') await makeInside(root, target)
  else if (payload.kind === 'symlink') await symlink(payload.target, target)
  else await writeFile(target, payload, read)
}

/** Makes a directory below `root`. A symlink on the way that leads out of it is not followed any further. */
async function makeInside(root: string, directory: string): Promise<void> {
  if (directory !== root) await makeInside(root, dirname(directory))
  await mkdir(directory).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error
  })
  const real = await realpath(directory)
  if (real !== root && !real.startsWith(root + sep))
    throw new BackerError('NOT_A_DIRECTORY', `${directory} leads out of ${root}`, { path: directory })
}

async function writeFile(target: string, payload: FilePayload, read: ReadContent): Promise<void> {
  const file = await open(target, 'wx', 0o600)
  try {
    for await (const bytes of read(payload)) await file.writeFile(bytes)
    await file.chmod(payload.mode)
    await file.utimes(new Date(), Number(payload.mtimeNs / 1_000_000n) / 1000)
    await file.sync()
  } finally {
    await file.close()
  }
}

function reasonOf(error: unknown): string {
  return systemCode(error) === 'EEXIST' ? 'something stands there already' : messageOf(error)
}
