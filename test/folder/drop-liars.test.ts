import test, { type Test } from 'brittle'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { holdProof } from '../../lib/core/engine/hold-proof.js'
import { parseKey } from '../../lib/core/model/key-text.js'
import { hashBytes, hashKey, type Hash } from '../../lib/core/model/hash.js'
import { parsePath } from '../../lib/core/model/path.js'
import { EMPTY_ROOT } from '../../lib/core/tree/node.js'
import type { DropReport } from '../../lib/folder/drop-report.js'
import type { Backer } from '../../lib/index.js'
import type { HoldQuestion } from '../../protocol/peer-link.js'
import { makeBacker, until } from '../make/backers.js'
import { intrude, type Intruder } from '../make/intruder.js'
import { hashOf } from '../make/record.js'
import { keyPairOf } from '../make/wire.js'

const CONTENT = 'what nobody else has '.repeat(1000)
const file = parsePath('file')

async function makeHolder(t: Test): Promise<Backer> {
  const device = await makeBacker(t)
  await writeFile(join(device.directory, 'file'), CONTENT)
  await until('found', () => device.status().files === 1)
  return device
}

const dropOnce = (device: Backer): Promise<DropReport> => device.dropper.drop([file], { copies: 1, isDryRun: false })

test('a device that lies about what it holds has nothing dropped', async t => {
  const victim = await makeHolder(t)
  const asked: HoldQuestion[] = []
  let answer: (question: HoldQuestion) => Uint8Array | undefined = () => undefined
  const onHold = (question: HoldQuestion): Promise<Uint8Array | undefined> => {
    asked.push(question)
    return Promise.resolve(answer(question))
  }
  const keyPair = keyPairOf(77)
  const intruder = await intrude(t, victim, victim.key, { keyPair, handlers: { onHold } })
  const { folderPublicKey } = parseKey(victim.key)
  const bytes = Buffer.from(CONTENT)
  const parties = { folderPublicKey, holder: keyPair.publicKey, asker: Buffer.from(intruder.victim.deviceId, 'hex') }
  const lies: Record<string, (question: HoldQuestion) => Uint8Array | undefined> = {
    nothing: () => undefined,
    nonsense: () => Buffer.alloc(32, 7),
    'the nonce': ({ nonce }) => nonce,
    'a proof without the bytes': question => holdProof(parties, question, []),
    'a proof of other bytes': question => holdProof(parties, question, [Buffer.alloc(bytes.byteLength)]),
    "another device's proof": question => holdProof({ ...parties, holder: parties.asker }, question, [bytes]),
    'a proof for another device': question => holdProof({ ...parties, asker: parties.holder }, question, [bytes]),
    'a proof that was made for the challenge before': question => holdProof(parties, asked.at(-2) ?? question, [bytes])
  }
  for (const [what, lie] of Object.entries(lies)) {
    answer = lie
    const report = await dropOnce(victim)
    t.alike([report.dropped, report.keptCount], [0, 1], what)
    t.is(await readFile(join(victim.directory, 'file'), 'utf8'), CONTENT, what)
  }
  t.is(new Set(asked.map(({ nonce }) => Buffer.from(nonce).toString('hex'))).size, asked.length, 'each asks anew')
  t.absent(intruder.isClosed())
  let given: Uint8Array | undefined
  answer = question => (given = holdProof(parties, question, [bytes]))
  t.is((await dropOnce(victim)).dropped, 1, 'who has the bytes can make it')

  await writeFile(join(victim.directory, 'file'), CONTENT)
  await until('it is the file again', async () => {
    const [item] = (await victim.browser.list(undefined, { limit: 1 })).items
    return item?.state === 'synced' && victim.status().idle
  })
  answer = () => given
  const again = await dropOnce(victim)
  t.alike([again.dropped, again.keptCount], [0, 1], 'what was believed once is not believed again')
  t.is(await readFile(join(victim.directory, 'file'), 'utf8'), CONTENT)
})

test('questions that make no sense are answered with nothing', async t => {
  const victim = await makeHolder(t)
  const intruder = await intrude(t, victim, victim.keyText('read'), { role: 'reader' })
  const sound = victim.status()
  const nonce = Buffer.alloc(32)
  const [entry] = (await victim.browser.list(undefined, { limit: 1 })).items
  t.is(entry?.size, CONTENT.length)
  for (const question of [
    { path: parsePath('nothing'), content: nonce, size: 1, nonce },
    { path: file, content: nonce, size: CONTENT.length, nonce },
    { path: file, content: nonce, size: Number.MAX_SAFE_INTEGER, nonce },
    { path: parsePath('file/below'), content: nonce, size: 0, nonce }
  ])
    t.is(await intruder.victim.requestHold(question as unknown as HoldQuestion), undefined)
  t.is(victim.status().root, sound.root)
  t.absent(intruder.isClosed())
})

test('a device whose trees are none is not counted with', async t => {
  const victim = await makeHolder(t)
  const counted = () => (victim.status().copies?.current === true ? victim.status().copies?.devices : undefined)
  const tell = async (lacks: Hash, sequence: number): Promise<Intruder> => {
    const intruder = await intrude(t, victim, victim.key)
    const garbage = Buffer.alloc(40, 7)
    intruder.nodes.kept.set(hashKey(hashBytes(garbage)), garbage)
    intruder.victim.sendHead({
      root: EMPTY_ROOT,
      lacks,
      sequence,
      idle: true,
      head: intruder.sign(EMPTY_ROOT, sequence)
    })
    return intruder
  }
  const silent = await tell(hashOf('what nobody has'), 1)
  await until('it is heard', () => victim.status().peers.length === 1)
  await until('counted without it', () => counted() === 1)
  t.absent(silent.isClosed())
  const wrong = await tell(hashBytes(Buffer.alloc(40, 7)), 2)
  await until('it is sent away', () => wrong.isClosed())
  await until('counted again', () => counted() === 1)
  t.is(victim.status().files, 1)
})
