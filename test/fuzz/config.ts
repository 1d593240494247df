import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BackerError, messageOf } from '../../lib/core/error.js'
import { readConfig } from '../../lib/daemon/config.js'
import { networkMemory, readLimits } from '../../lib/daemon/network-settings.js'
import { openHome } from '../../lib/home/home.js'
import { readNote } from '../../lib/store/note.js'
import type { SeededRandom } from '../sim/random.js'
import { mutate } from './mutate.js'

const FOLDERS = JSON.stringify({
  schema: 1,
  folders: [
    { id: 'abc', path: '/a/b', name: 'b', key: `backer-ro-${'y'.repeat(80)}` },
    { id: 'def', path: '/c', name: 'c', key: 'backer-rw-y', paused: true }
  ]
})
const LIMITS = JSON.stringify({ schema: 1, up: 1e6, timetable: [{ minute: 60, down: 5 }], includeLan: true })
const NETWORK = JSON.stringify({
  schema: 1,
  nodes: [{ host: '192.0.2.1', port: 1 }],
  peers: [{ address: '192.0.2.2:49738', folders: ['abc'] }]
})
const NOTE = JSON.stringify({ openings: 3, file: '12', size: 4096, seal: 'ab'.repeat(32) })
const ENVIRONMENT = ['192.0.2.1:49737,name.example:1', '8749', 'y'.repeat(52)].map(text => Buffer.from(text))
const VARIABLES = ['BACKER_BOOTSTRAP', 'BACKER_PAGE_PORT', 'BACKER_PORT', 'BACKER_RELAY'] as const

/** Has `count` damaged configurations read. Returns what went wrong. */
export async function fuzzConfiguration(count: number, random: SeededRandom): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'backer-fuzz-'))
  const home = openHome(directory)
  const readers: readonly (readonly [file: string, example: string, read: () => Promise<unknown>])[] = [
    ['folders.json', FOLDERS, () => home.folders()],
    ['limits.json', LIMITS, () => readLimits(home)],
    ['network.json', NETWORK, () => networkMemory(home).load()],
    ['index-abc', NOTE, () => readNote(join(directory, 'index-abc'))]
  ]
  const wrong: string[] = []
  try {
    for (let i = 0; i < count; i++) {
      const [file, example, read] = random.pick(readers)
      const bytes = mutate([Buffer.from(example)], random)
      await writeFile(join(directory, file), bytes)
      const why = await wrongWith(read)
      if (why !== undefined) wrong.push(`${file}: ${why}: ${Buffer.from(bytes).toString('hex')}`)
      const name = random.pick(VARIABLES)
      const value = Buffer.from(mutate(ENVIRONMENT, random)).toString()
      const off = await wrongWith(() => Promise.resolve(readConfig({ [name]: value })))
      if (off !== undefined) wrong.push(`${name}: ${off}: ${JSON.stringify(value)}`)
      if (i % 100 === 99) await tidy(directory)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return wrong
}

/** Damaged lists of folders are set aside: so many are no use. */
async function tidy(directory: string): Promise<void> {
  for (const name of await readdir(directory)) if (name.includes('damaged')) await rm(join(directory, name))
}

async function wrongWith(read: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await read()
    return undefined
  } catch (error) {
    if (error instanceof BackerError && error.code !== 'INTERNAL') return undefined
    return messageOf(error)
  }
}
