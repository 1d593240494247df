import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { backer, type Backer } from '../../backer.js'
import { BackerError } from '../../core/error.js'
import { runDhtNode, type DhtNode } from '../../net/dht-node.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { pause } from '../signals.js'
import type { Declare } from '../command.js'

const STEP_DEADLINE_MS = 20_000
const LOOK_MS = 10

/** Two devices in one temporary place. */
interface Stage {
  readonly laptop: Backer
  readonly server: Backer
  readonly say: (...lines: string[]) => void
}

export const declare: Declare = (program, act) => {
  program
    .command('demo')
    .description('shows two devices syncing on this computer, without a network, and cleans up')
    .action(() => act(demo))
}

/** `backer demo`: two devices sync over a DHT of their own on this computer's loopback. Throws TIMEOUT where anything does not arrive. */
async function demo({ printer }: Context): Promise<ExitCode> {
  const place = await mkdtemp(join(tmpdir(), 'backer-demo-'))
  const say = (...lines: string[]): void => {
    if (!printer.json) printer.result(...lines)
  }
  let node: DhtNode | undefined
  const open: Backer[] = []
  const begin = Date.now()
  try {
    say('Two devices, "laptop" and "server", in a temporary directory, with a DHT of their own on 127.0.0.1.')
    node = await runDhtNode({ host: '127.0.0.1', port: 0 })
    const stage = await setUp(place, node, { say, open })
    await tell(stage)
    say('', `All of it arrived, in ${((Date.now() - begin) / 1000).toFixed(1)} s. Cleaning up.`)
    if (printer.json) printer.document({ schema: 1, ok: true, elapsedMs: Date.now() - begin })
    return EXIT.done
  } finally {
    await Promise.all(open.map(device => device.close()))
    await node?.close()
    await rm(place, { recursive: true, force: true })
  }
}

async function setUp(
  place: string,
  node: DhtNode,
  { say, open }: { readonly say: Stage['say']; readonly open: Backer[] }
): Promise<Stage> {
  const [laptopPlace, serverPlace] = [join(place, 'laptop'), join(place, 'server')]
  await mkdir(join(laptopPlace, 'photos'), { recursive: true })
  await writeFile(join(laptopPlace, 'notes.txt'), 'Buy milk.\n')
  await writeFile(join(laptopPlace, 'photos', 'beach.jpg'), Buffer.alloc(3_000_000, 'waves '))

  say('', '$ backer share laptop')
  const laptop = backer(laptopPlace, { home: join(place, 'home-1'), deviceName: 'laptop' })
  open.push(laptop)
  await laptop.ready()
  say(`  ${laptop.key}`, '$ backer join <that key> server')
  const server = backer(serverPlace, {
    home: join(place, 'home-2'),
    deviceName: 'server',
    key: laptop.key,
    createDirectory: true
  })
  open.push(server)
  await server.ready()
  const options = { bootstrap: [{ host: node.host, port: node.port }], lan: false }
  await Promise.all([laptop.join(options), server.join(options)])
  return { laptop, server, say }
}

async function tell({ laptop, server, say }: Stage): Promise<void> {
  const at = (device: Backer, ...names: string[]): string => join(device.directory, ...names)
  await arrives('the files', () => sameText(at(server, 'photos', 'beach.jpg'), at(laptop, 'photos', 'beach.jpg')))
  await arrives('the files', () => hasText(at(server, 'notes.txt'), 'Buy milk.\n'))
  say(`  The server found the laptop and has notes.txt and photos/beach.jpg.`)

  await writeFile(at(server, 'notes.txt'), 'Buy milk and bread.\n')
  await arrives('an edit', () => hasText(at(laptop, 'notes.txt'), 'Buy milk and bread.\n'))
  say('', 'An edit on the server:        notes.txt changed on the laptop too.')

  await rename(at(laptop, 'photos'), at(laptop, 'pictures'))
  await arrives(
    'a rename',
    async () => (await has(at(server, 'pictures', 'beach.jpg'))) && !(await has(at(server, 'photos')))
  )
  say('A rename on the laptop:       photos is called pictures on the server; no content was sent.')

  await rm(at(server, 'pictures', 'beach.jpg'))
  await arrives('a delete', async () => !(await has(at(laptop, 'pictures', 'beach.jpg'))))
  const kept = await keptRevisions(laptop)
  if (kept === 0) throw new BackerError('TIMEOUT', 'the deleted file was not kept in .backer/revisions')
  say('A delete on the server:       beach.jpg is gone from the laptop, and kept there in .backer/revisions.')

  await conflict({ laptop, server, say })
}

/** Both devices change one file at once: one version wins everywhere, the other is kept beside it everywhere. */
async function conflict({ laptop, server, say }: Stage): Promise<void> {
  const versions = ['Written on the laptop.\n', 'Written on the server.\n'] as const
  await atRest([laptop, server])
  await Promise.all([
    writeFile(join(laptop.directory, 'plan.txt'), versions[0]),
    writeFile(join(server.directory, 'plan.txt'), versions[1])
  ])
  await arrives('a conflict copy', async () => {
    const [one, other] = await Promise.all([plans(laptop), plans(server)])
    return (
      one.size === 2 &&
      JSON.stringify([...one]) === JSON.stringify([...other]) &&
      versions.every(text => [...one.values()].includes(text))
    )
  })
  const copy = [...(await plans(laptop)).keys()].find(name => name !== 'plan.txt') ?? ''
  say('plan.txt made on both at once: nothing is lost, both devices have both versions, one as', `  ${copy}`)
}

/** The files whose names begin with "plan", with their texts, sorted by name. */
async function plans(device: Backer): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(device.directory)).filter(name => name.startsWith('plan')).sort()
  const texts = await Promise.all(names.map(name => readFile(join(device.directory, name), 'utf8').catch(() => '')))
  return new Map(names.map((name, i) => [name, texts[i] ?? '']))
}

async function keptRevisions(device: Backer): Promise<number> {
  const entries = await readdir(join(device.directory, '.backer', 'revisions'), {
    recursive: true,
    withFileTypes: true
  })
  return entries.filter(entry => entry.isFile()).length
}

function atRest(devices: readonly Backer[]): Promise<void> {
  return arrives('rest', () => Promise.resolve(devices.every(device => device.status().state === 'in-sync')))
}

/** Waits until `look` is true. Throws TIMEOUT, naming what did not arrive. */
async function arrives(what: string, look: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + STEP_DEADLINE_MS
  while (!(await look())) {
    if (Date.now() > end) throw new BackerError('TIMEOUT', `${what} did not arrive within ${STEP_DEADLINE_MS / 1000} s`)
    await pause(LOOK_MS)
  }
}

async function hasText(file: string, expected: string): Promise<boolean> {
  return (await readFile(file, 'utf8').catch(() => undefined)) === expected
}

async function sameText(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map(file => readFile(file).catch(() => undefined)))
  return a !== undefined && b?.equals(a) === true
}

async function has(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOTDIR'
  )
}
