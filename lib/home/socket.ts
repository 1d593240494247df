import { mkdtemp, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { makePrivateDirectory, readIfThere, replacePrivateFile } from './private-file.js'

/** Longest path of a Unix socket that all systems take (macOS: 104 with the closing zero; Linux: 108). */
const SOCKET_PATH_BYTES_MAX = 103
const SOCKET_NAME = 'backer.sock'
/** Names the socket's place where the home's own path is too long for one. */
const PLACE_NAME = 'backer.sock-place'
const SHORT_PREFIX = 'backer-'

/** The control socket of the process that runs this home: where a client finds it, whether or not anybody listens. */
export async function findSocket(home: string): Promise<string> {
  const own = join(home, SOCKET_NAME)
  if (fits(own)) return own
  const place = await readIfThere(join(home, PLACE_NAME))
  return place?.trim() ?? own
}

/** A free path to listen at. Whoever asks holds the home's lock: what an earlier process left there is removed. */
export async function claimSocket(home: string): Promise<string> {
  await releaseSocket(home)
  const own = join(home, SOCKET_NAME)
  await makePrivateDirectory(home)
  if (fits(own)) return own
  // mkdtemp makes it 0700 under a name that nobody can have prepared.
  const path = join(await mkdtemp(join(tmpdir(), SHORT_PREFIX)), SOCKET_NAME)
  await replacePrivateFile(join(home, PLACE_NAME), `${path}\n`)
  return path
}

/** Removes the socket, and the directory that was made for it. */
export async function releaseSocket(home: string): Promise<void> {
  const path = await findSocket(home)
  await rm(path, { force: true })
  const directory = dirname(path)
  if (directory === home || !basename(directory).startsWith(SHORT_PREFIX)) return
  await rmdir(directory).catch(() => undefined)
  await rm(join(home, PLACE_NAME), { force: true })
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX
}
