import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configure, type Test } from 'brittle'
import { backer, type Backer, type BackerOptions } from '../../lib/index.js'

/** How long something may take, and a test as a whole: for ever on a machine that does nothing else, and enough on one that does much. */
const DEADLINE_MS = 90_000
configure({ timeout: 150_000 })

/** What ends what was made for it: a test, or a scene that several tests share. */
export type Scope = Pick<Test, 'teardown'>

/** An empty directory that goes with the test. */
export async function makeDirectory(t: Scope): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'backer-test-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }), { order: 100 })
  return directory
}

/** A synced folder in a directory of its own, closed with the test. */
export async function makeBacker(t: Scope, options: BackerOptions & { directory?: string } = {}): Promise<Backer> {
  const made = backer(options.directory ?? (await makeDirectory(t)), { deviceName: 'test', ...options })
  t.teardown(() => made.close(), { order: 10 })
  await made.ready()
  return made
}

/** Several devices of one folder, each connected to each. */
export async function makeDevices(t: Scope, count: number): Promise<Backer[]> {
  const first = await makeBacker(t)
  const devices = [first]
  while (devices.length < count) devices.push(await makeBacker(t, { key: first.key }))
  devices.forEach((a, i) => devices.slice(i + 1).forEach(b => connect(a, b)))
  return devices
}

/** Pipes two devices together; the function that comes back cuts the line. */
export function connect(a: Backer, b: Backer): () => void {
  const left = a.createStream()
  const right = b.createStream()
  left.on('error', () => undefined)
  right.on('error', () => undefined)
  left.pipe(right).pipe(left)
  // As on any network: where one end goes the other hears of it.
  left.once('close', () => right.destroy())
  right.once('close', () => left.destroy())
  return () => {
    left.destroy()
    right.destroy()
  }
}

/**
 * Waits until `condition` holds; looks again every few milliseconds. A condition that reads files which come and go may throw ENOENT and the like: it does
 * not hold then. Throws with `what` after a deadline.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS
): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!(await holds(condition))) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 4))
  }
}

const COMES_AND_GOES: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EINVAL'])

async function holds(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await condition()
  } catch (error) {
    if (error instanceof Error && 'code' in error && COMES_AND_GOES.has(error.code)) return false
    throw error
  }
}

/** Waits until all devices are at rest and hold the same. */
export async function untilSame(devices: readonly Backer[], deadlineMs = DEADLINE_MS): Promise<void> {
  try {
    await until('all hold the same', () => allSame(devices), deadlineMs)
  } catch (error) {
    const states = devices.map(device => JSON.stringify({ ...device.status(), peers: undefined }, null, 1)).join('\n')
    throw new Error(`${String(error)}\n${states}`)
  }
}

function allSame(devices: readonly Backer[]): boolean {
  const states = devices.map(device => device.status())
  return states.every(state => state.idle && state.root === states[0]?.root && state.peers.every(peer => peer.inSync))
}
