import test from 'brittle'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeWith } from '../../lib/core/codec.js'
import { childOf } from '../../lib/core/tree/child.js'
import { parseNode } from '../../lib/core/tree/node.js'
import { hashBytes, hashKey, type Hash } from '../../lib/core/model/hash.js'
import { EMPTY_ROOT } from '../../lib/core/tree/node.js'
import { makeCertificate } from '../../lib/core/model/certificate.js'
import { signedHeadCodec, signHead } from '../../lib/core/model/head.js'
import { parseKey } from '../../lib/core/model/key-text.js'
import { createWriteKey } from '../../lib/core/model/keys.js'
import { connect, makeBacker, until, untilSame } from '../make/backers.js'
import { requestChunk } from '../make/request-chunk.js'
import { intrude, recordsAt, type Intruder } from '../make/intruder.js'
import { plant } from '../make/nodes.js'
import { readTree, writeTree } from '../make/tree.js'
import { replica } from '../make/record.js'
import { makeScene } from '../make/watched.js'
import { keyPairOf, quiet } from '../make/wire.js'

const { victim, honest, outside, begin, check, close } = await makeScene()
const readKey = victim.keyText('read')

test('B1: nothing that a reader says of the folder is followed, signed by itself or not at all', async t => {
  const before = await readTree(victim.directory)
  const keyPair = keyPairOf(201)
  const own = createWriteKey(Buffer.alloc(32, 7))
  const { folderPublicKey } = parseKey(readKey)
  const facts = { device: keyPair.publicKey, replica: replica(99), sequence: 9, timeMs: 0 }
  const forge = (root: Hash, kind: string): Uint8Array => {
    const certificate = makeCertificate({ key: own, device: keyPair.publicKey, issuedMs: 0 })
    const publicKey = kind === 'of another folder' ? own.folderPublicKey : folderPublicKey
    const signed = signHead({ ...facts, root }, { publicKey, certificate }, keyPair.secretKey)
    return encodeWith(signedHeadCodec, signed)
  }
  for (const kind of ['by a key of its own', 'of another folder', 'garbage']) {
    const reader = await intrude(t, victim, readKey, { keyPair })
    const root = plant(reader.nodes, recordsAt({ 'mine.txt': reader.file('forged') }))
    const head = kind === 'garbage' ? Buffer.alloc(300, 1) : forge(root, kind)
    reader.victim.sendHead({ root, lacks: EMPTY_ROOT, sequence: 9, idle: true, head })
    await until(`${kind} is refused`, () => reader.isClosed())
    t.ok(/\((FORGED|MALFORMED)\)/.test(reader.closedFor()?.message ?? ''), reader.closedFor()?.message)
  }
  const silent = await intrude(t, victim, readKey)
  silent.showRecords(recordsAt({ 'mine.txt': silent.file('forged'), more: silent.file('forged') }))
  await quiet()
  await check(t)
  t.alike(
    (await readTree(victim.directory)).filter(line => !line.includes(' after ')),
    before
  )
  t.absent(await holdsForged(honest.directory), 'and nobody passes it on')
  t.ok(
    victim.status().problems.some(({ peer }) => peer !== undefined),
    'the user hears of it'
  )
})

test('B2: an old head that a writer once signed is followed by nobody', async t => {
  const reader = await intrude(t, victim, readKey)
  await until('the head has come', () => reader.heads.some(({ head }) => head !== undefined))
  const old = reader.heads.at(-1)!
  await writeTree(honest.directory, { 'newer.txt': 'newer' })
  await until('it came', async () => (await readFile(join(victim.directory, 'newer.txt'), 'utf8')) === 'newer')
  await untilRest()
  const { root } = honest.status()
  const second = await intrude(t, honest, readKey)
  second.victim.relayHeads([old.head!])
  second.victim.relayHeads([old.head!, old.head!])
  await quiet()
  t.absent(second.isClosed(), 'who is behind is no enemy')
  t.is(honest.status().root, root)
  t.is(second.nodes.reads, 0, 'nothing is asked of it')
  await check(t)
})

test('B3: content that is wrong, short or missing is fetched elsewhere', async t => {
  const bytes = Buffer.alloc(300_000, 'some content to be had in pieces ')
  for (let i = 0; i < bytes.length; i += 64) bytes.writeUInt32LE(i, i)
  await writeFile(join(honest.directory, 'wanted'), bytes)
  await until('it is there', async () => (await readFile(join(victim.directory, 'wanted'))).equals(bytes))
  await untilRest()
  const lies: Record<string, () => Promise<Uint8Array | undefined>> = {
    wrong: () => Promise.resolve(Buffer.alloc(40_000)),
    short: () => Promise.resolve(bytes.subarray(0, 10)),
    absent: () => Promise.resolve(undefined)
  }
  const fresh = await makeBacker(t, { key: victim.key })
  // They pass the honest head on and answer for its tree, so that they are asked for the content like anybody.
  const source = await intrude(t, victim, readKey)
  await until('the head has come', () => source.heads.some(({ head }) => head !== undefined))
  const head = source.heads.findLast(told => told.head !== undefined)!
  const onNodes = (hashes: readonly Hash[]): (Uint8Array | undefined)[] => hashes.map(hash => kept.get(hashKey(hash)))
  const kept = await treeOf(source, head.root)
  const liars = await Promise.all(
    Object.values(lies).map(onChunk => intrude(t, fresh, readKey, { handlers: { onChunk, onNodes } }))
  )
  for (const liar of liars) liar.victim.relayHeads([head.head!])
  connect(fresh, honest)
  await until('it comes from elsewhere', async () => (await readFile(join(fresh.directory, 'wanted'))).equals(bytes))
  await check(t)
})

test('B4: only what the index has is given out', async t => {
  await writeTree(victim.directory, {
    '.backerignore': 'ignored\n',
    'old.txt': 'the first version'
  })
  await until('seen', async () => (await readFile(join(honest.directory, 'old.txt'), 'utf8')) === 'the first version')
  await writeTree(victim.directory, { ignored: 'the content of what is ignored', 'old.txt': 'the second version' })
  await until('seen', async () => (await readFile(join(honest.directory, 'old.txt'), 'utf8')) === 'the second version')
  const other = await makeBacker(t)
  await writeTree(other.directory, { theirs: 'content of another folder' })
  await until('scanned', () => other.status().files === 1 && other.status().idle)
  const own = await filesBelow(join(victim.directory, '.backer'))
  const forbidden = [
    await readFile(join(victim.directory, 'ignored')),
    await readFile(join(outside, 'secret')),
    Buffer.from('content of another folder'),
    Buffer.from('the first version'),
    ...(await Promise.all(own.map(path => readFile(path))))
  ].filter(bytes => bytes.length > 0 && bytes.length <= 512 * 1024)
  const reader = await intrude(t, victim, readKey)
  const signal = new AbortController().signal
  for (const bytes of forbidden) {
    const answer = await requestChunk(reader.victim, hashBytes(bytes), bytes.length, signal).catch(codeOf)
    if (answer !== 'UNAVAILABLE') t.fail(`${bytes.length} bytes were given out`)
    t.alike(await reader.victim.requestNodes([hashBytes(bytes)]), [undefined])
  }
  const given = await requestChunk(reader.victim, hashBytes(Buffer.from('mine')), 4, signal)
  t.is(Buffer.from(given).toString(), 'mine', 'and that much is')
  await check(t)
})

test('B5: who asks without end gets a share, and no more', async t => {
  const bytes = Buffer.alloc(500_000, 1)
  await writeFile(join(victim.directory, 'one chunk'), bytes)
  await until('it is there', async () => (await readFile(join(honest.directory, 'one chunk'))).length === 500_000)
  await untilRest()
  const server = createServer(socket => {
    const stream = victim.createStream()
    pipeline(socket, stream, socket, () => stream.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  begin()
  // Content that repeats itself is one chunk.
  const args = [String(port), readKey, hashKey(hashBytes(bytes)), String(bytes.length)]
  const flooder = spawn(process.execPath, [fileURLToPath(new URL('flooder.js', import.meta.url)), ...args], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  t.teardown(() => flooder.kill('SIGKILL'), { order: -1 })
  await until('it is in', () => victim.status().peers.some(({ name }) => name === 'flooder'))
  for (let i = 0; i < 3; i++) await check(t)
  flooder.stdin.write('\n')
  const [answers] = (await once(flooder.stdout, 'data')) as [Buffer]
  t.ok(Number(answers) > 10, `${Number(answers)} answers meanwhile`)
})

test('B8: a reader that calls itself a writer is believed no more', async t => {
  const reader = await intrude(t, victim, readKey, { role: 'writer' })
  reader.showRecords(recordsAt({ 'mine.txt': reader.file('forged') }))
  const joined = await makeBacker(t, { key: readKey })
  t.is(joined.status().access, 'read', 'what a device may do is in its key')
  connect(joined, victim)
  await until('it mirrors', async () => (await readFile(join(joined.directory, 'mine.txt'), 'utf8')) === 'mine')
  await writeFile(join(joined.directory, 'by a reader'), 'x')
  await until('it saw it', () => joined.status().files > victim.status().files)
  await check(t)
  t.absent((await readdir(victim.directory)).includes('by a reader'))
  t.is(await readFile(join(victim.directory, 'mine.txt'), 'utf8'), 'mine')
})

test('all of that being over, both devices have the same, and close', async t => {
  await rm(join(victim.directory, '.backerignore'))
  await untilSame([victim, honest])
  t.is(victim.status().root, honest.status().root)
  await close()
})

async function untilRest(): Promise<void> {
  await until('both are at rest', () => {
    const [a, b] = [victim.status(), honest.status()]
    return a.idle && b.idle && a.root === b.root
  })
}

/** All nodes below a root, as a peer gives them. */
async function treeOf(peer: Intruder, root: Hash): Promise<Map<string, Uint8Array>> {
  const kept = new Map<string, Uint8Array>()
  for (let wanted = [root]; wanted.length > 0;) {
    const nodes = (await peer.victim.requestNodes(wanted)).flatMap(node => node ?? [])
    for (const node of nodes) kept.set(hashKey(hashBytes(node)), node)
    wanted = nodes
      .map(parseNode)
      .flatMap(node => (node.height === 0 ? [] : node.entries.map(entry => childOf(entry).hash)))
  }
  return kept
}

async function holdsForged(root: string): Promise<boolean> {
  for (const path of await filesBelow(root)) if ((await readFile(path)).includes('forged')) return true
  return false
}

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error
}
