import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

const DIRECTORY_MODE = 0o700
const FILE_MODE = 0o600
/** What the system says where a file system has no hard links. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** The system's code of whatever was thrown (`ENOENT`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Makes `directory` and its parents, 0700 whatever the umask. One that is there already keeps its mode. */
export async function makePrivateDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE })
  if (first === undefined) return
  // A umask may have taken bits away, never added any.
  const handle = await open(directory, 'r')
  try {
    await handle.chmod(DIRECTORY_MODE)
  } finally {
    await handle.close()
  }
}

/** The whole of a small file, or undefined where there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** How many bytes a file has; 0 where there is none. */
export async function sizeIfThere(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
}

/** Replaces `file` (0600) by one with `text`: durably, and whole or not at all. Its directory is made where it is missing. */
export async function replacePrivateFile(file: string, text: string): Promise<void> {
  const draft = await writeDraft(file, text)
  try {
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  await syncDirectory(dirname(file))
}

/** Makes `file` (0600) with `text`, durably and whole. False where there is one already: it is left as it is. */
export async function createPrivateFile(file: string, text: string): Promise<boolean> {
  const draft = await writeDraft(file, text)
  try {
    await link(draft, file)
    await syncDirectory(dirname(file))
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    if (!NO_LINKS.has(systemCode(error))) throw error
    return await createByName(file, draft)
  } finally {
    await rm(draft, { force: true })
  }
}

/**
 * For file systems without hard links, such as exFAT: the name is taken first, by an empty file, and then replaced by what it is to hold.
 * RACE: in between, a reader finds it empty, as a crash would have left it.
 */
async function createByName(file: string, draft: string): Promise<boolean> {
  try {
    await (await open(file, 'wx', FILE_MODE)).close()
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
  await rename(draft, file)
  await syncDirectory(dirname(file))
  return true
}

async function writeDraft(file: string, text: string): Promise<string> {
  await makePrivateDirectory(dirname(file))
  const draft = `${file}.new-${randomBytes(6).toString('hex')}`
  const handle = await open(draft, 'wx', FILE_MODE)
  try {
    await handle.chmod(FILE_MODE)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return draft
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some systems can't sync a directory: they make renames durable by themselves, or not at all.
    if (systemCode(error) !== 'EPERM' && systemCode(error) !== 'EINVAL' && systemCode(error) !== 'EISDIR') throw error
  } finally {
    await handle.close()
  }
}

/** True where `path` is a directory, after following symlinks. */
export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false
    throw error
  }
}
