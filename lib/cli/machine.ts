import { readFile, stat, statfs } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { systemCode } from '../home/private-file.js'
import { floorOf } from '../folder/disk-floor.js'
import type { KnownFolder } from '../home/home.js'
import type { Finding } from './finding.js'
import { formatBytes, formatCount } from './format.js'

/** Below this many watches many people's folders are more than the system watches. */
const WATCHES_FEW = 100_000
const WATCHES = '/proc/sys/fs/inotify/max_user_watches'

/** What the machine itself has to do with how backer gets on: its clock, the disks of its folders, how much it can watch. */
export async function examineMachine(folders: readonly KnownFolder[], nowMs: number): Promise<readonly Finding[]> {
  return [await clockFinding(nowMs), ...(await Promise.all(folders.map(diskFinding))), ...(await watchFindings())]
}

/** A clock that stands before this program was installed is wrong. backer's safety needs none; the times of kept versions and the alarms do. */
async function clockFinding(nowMs: number): Promise<Finding> {
  const what = 'clock'
  const { ctimeMs } = await stat(fileURLToPath(import.meta.url))
  const time = new Date(nowMs).toISOString().replace(/\.\d+Z/, 'Z')
  if (nowMs >= ctimeMs) return { what, state: 'ok', message: time }
  return {
    what,
    state: 'bad',
    message: `${time} is before backer was installed`,
    hint: 'Set the clock of this machine.'
  }
}

async function diskFinding({ name, path }: KnownFolder): Promise<Finding> {
  const what = `disk of "${name}"`
  try {
    const { bsize, bavail, blocks } = await statfs(path)
    const free = bavail * bsize
    const floor = floorOf({ totalBytes: blocks * bsize })
    const message = `${formatBytes(free)} free of ${formatBytes(blocks * bsize)}`
    if (free > floor) return { what, state: 'ok', message }
    const hint = `Make room: what other devices send waits until ${formatBytes(floor)} are free.`
    return { what, state: 'bad', message, hint }
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return { what, state: 'bad', message: `${path} can't be looked at`, hint: 'Is the disk mounted?' }
  }
}

/** Only Linux has such a number. */
async function watchFindings(): Promise<readonly Finding[]> {
  const text = await readFile(WATCHES, 'utf8').catch(() => undefined)
  if (text === undefined) return []
  const watches = Number(text)
  const message = `${formatCount(watches)} directories can be watched`
  if (watches >= WATCHES_FEW) return [{ what: 'watches', state: 'ok', message }]
  const hint =
    'For more: sudo sysctl fs.inotify.max_user_watches=524288. What is not watched is looked at every minute.'
  return [{ what: 'watches', state: 'note', message, hint }]
}
