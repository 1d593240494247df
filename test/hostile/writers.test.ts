import test, { type Test } from 'brittle'
import { lstat, readFile, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeWith, uint } from '../../lib/core/codec.js'
import { hashBytes, type Hash } from '../../lib/core/model/hash.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { recordCodec, VERSIONS_MAX, type Record } from '../../lib/core/model/record.js'
import { COUNTER_MAX, type ReplicaId } from '../../lib/core/model/version.js'
import { asKey, checkedPathOf } from '../../lib/core/tree/key.js'
import { encodeNode } from '../../lib/core/tree/node.js'
import { encodeChild } from '../../lib/core/tree/child.js'
import { makeRecord } from '../../lib/core/engine/merge.js'
import type { Backer } from '../../lib/index.js'
import { untilSame, until } from '../make/backers.js'
import { intrude, recordBytes, recordsAt, type Intruder } from '../make/intruder.js'
import { fileRecord, hashOf, recordOf, replica } from '../make/record.js'
import { readTree, writeTree } from '../make/tree.js'
import { codeThrownBy } from '../make/thrown.js'
import { makeScene } from '../make/watched.js'
import { FORBIDDEN, PAYLOADS } from './paths.js'

const { victim, honest, outside, check, close } = await makeScene()
const good = encodeWith(recordCodec, fileRecord('x'))
const directory = recordOf({ kind: 'directory', mode: 0o755 }, { replica: replica(99) })

/** Sends each of several trees by a connection of its own; all must be refused for one of these reasons. */
async function refusesAll(
  t: Test,
  codes: readonly string[],
  trees: readonly (readonly [what: string, show: (intruder: Intruder) => void])[]
): Promise<void> {
  await until('it is at rest', () => victim.status().idle && victim.status().peers.length === 1)
  const root = victim.status().root
  for (const [what, show] of trees) {
    const intruder = await intrude(t, victim, victim.key)
    show(intruder)
    await until(`${what} is refused`, () => intruder.isClosed())
    const said = intruder.closedFor()?.message ?? ''
    if (!codes.some(code => said.includes(`(${code})`))) t.fail(`${what}: ${said}`)
  }
  t.is(victim.status().root, root, `${trees.length} trees were refused`)
  const told = victim.status().problems.filter(({ peer }) => peer !== undefined)
  t.ok(told.length > 0 && told.every(({ message }) => message.includes('intruder')), 'and the user hears of it')
}

test('E1 E5: a name that leads elsewhere is refused with its tree, wherever it stands', async t => {
  const codes = FORBIDDEN.map(text => codeThrownBy(() => checkedPathOf(asKey(Buffer.from(text)))))
  t.ok(
    codes.every(code => code === 'BAD_PATH'),
    `${codes.length} names`
  )
  const leaves = FORBIDDEN.filter((_, i) => i % 8 === 0).map(
    text => [JSON.stringify(text), (intruder: Intruder) => intruder.showRaw(Buffer.from(text), good)] as const
  )
  const inner = FORBIDDEN.filter((_, i) => i % 40 === 5).map(
    text =>
      [
        `above ${JSON.stringify(text)}`,
        (intruder: Intruder) => intruder.show(keep(intruder, 1, [[text, encodeChild(childOf(intruder, text))]]))
      ] as const
  )
  const bytes = [Buffer.from('a/\xff\xfe', 'latin1'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xc0, 0xae])]
  const raw = bytes.map(key => [key.toString('hex'), (intruder: Intruder) => intruder.showRaw(key, good)] as const)
  await refusesAll(t, ['BAD_PATH', 'MALFORMED', 'LIMIT', 'TREE_CORRUPT'], [...leaves, ...inner, ...raw])
  await check(t)
})

test('E2 E14: names that mean something elsewhere are plain names here', async t => {
  const intruder = await intrude(t, victim, victim.key)
  intruder.showRecords(recordsAt(Object.fromEntries(PAYLOADS.map(name => [name, intruder.file(`content of ${name}`)]))))
  for (const device of [victim, honest]) {
    await until('all came', async () => {
      const found = new Set(await readdir(device.directory))
      return PAYLOADS.every(name => found.has(name))
    })
    for (const name of PAYLOADS)
      if ((await readFile(join(device.directory, name), 'utf8')) !== `content of ${name}`) t.fail(name)
  }
  t.absent(JSON.stringify(victim.status().problems).includes('pwned'))
  t.is(({} as { polluted?: unknown }).polluted, undefined)
  await check(t)
})

test('E3: nothing is written, read or removed through a symlink', async t => {
  const intruder = await intrude(t, victim, victim.key)
  const link = (target: string): Record =>
    recordOf({ kind: 'symlink', target, mtimeNs: 10n ** 18n }, { replica: replica(99) })
  // A symlink and what is to lie below it, in one tree: no honest device can have both.
  intruder.showRecords(
    recordsAt({
      escape: link('../other'),
      'escape/passwd': intruder.file('overwritten'),
      'escape/new': intruder.file('created'),
      absolute: link(join(outside, 'other')),
      'absolute/deep/file': intruder.file('overwritten'),
      dangling: link('../made'),
      'dangling/x': intruder.file('created'),
      d: link('../other')
    })
  )
  await until('the symlinks came', async () => (await readlink(join(victim.directory, 'escape'))) === '../other')
  await check(t)
  // And removing what lies behind a symlink that stands already.
  const later = { replica: replica(99), counter: 2 }
  intruder.showRecords(recordsAt({ escape: link('../other'), 'escape/passwd': recordOf({ kind: 'deleted' }, later) }))
  await check(t)
  t.is(await readFile(join(outside, 'other/passwd'), 'utf8'), 'root:x:0:0')
})

test('E6 E7: a program may be synced, but nothing that is more than a file, a directory or a symlink', async t => {
  const intruder = await intrude(t, victim, victim.key)
  const hook = intruder.file('#!/bin/sh\necho hook')
  const payload = hook.versions[0]!.payload
  if (payload.kind !== 'file') throw new Error('no file')
  const program = { ...hook, versions: [{ dots: hook.versions[0]!.dots, payload: { ...payload, mode: 0o755 } }] }
  intruder.showRecords(recordsAt({ '.git': directory, '.git/hooks': directory, '.git/hooks/post-checkout': program }))
  const at = join(victim.directory, '.git/hooks/post-checkout')
  await until('it came', async () => ((await lstat(at)).mode & 0o7777) === 0o755)
  intruder.connection.destroy()
  const withMode = (mode: number): Uint8Array =>
    replaceBytes(recordBytes(program), encodeWith(uint, 0o755), encodeWith(uint, mode))
  const kinds = [8, 9, 12, 16, 100, 252].map(
    kind =>
      [
        `kind ${kind}`,
        (other: Intruder) =>
          other.showRaw(
            Buffer.from('k'),
            recordBytes(directory, bytes => setKind(bytes, kind))
          )
      ] as const
  )
  const modes = [0o4755, 0o2755, 0o1777, 0o7777, 0o170755].map(
    mode => [mode.toString(8), (other: Intruder) => other.showRaw(Buffer.from('m'), withMode(mode))] as const
  )
  await refusesAll(t, ['MALFORMED', 'LIMIT'], [...kinds, ...modes])
  await check(t)
})

test('E8: what is over a bound is refused before anything is allocated for it', async t => {
  const dots = Array.from({ length: 1000 }, (_, i) => ({ replica: replica(i + 1), counter: 1 }))
  const most = recordBytes({ context: dots, versions: [{ dots: [dots[0]!], payload: directory.versions[0]!.payload }] })
  const oneMore = Buffer.concat([encodeWith(uint, 1001), Buffer.alloc(8), Buffer.of(1), most.subarray(3)])
  const endless = Buffer.concat([Buffer.from('ff', 'hex'), Buffer.from('ffffffffffff1f00', 'hex')])
  await refusesAll(
    t,
    ['LIMIT', 'MALFORMED', 'BAD_PATH', 'TREE_CORRUPT', 'PEER_MISBEHAVED'],
    [
      ['a name of 200 kB', intruder => intruder.showRaw(Buffer.alloc(200_000, 97), good)],
      ['100,000 levels', intruder => intruder.showRaw(Buffer.from('a/'.repeat(100_000) + 'a'), good)],
      ['1,001 replicas', intruder => intruder.showRaw(Buffer.from('a'), oneMore)],
      ['a record of 64 KiB and more', intruder => intruder.showRaw(Buffer.from('a'), Buffer.alloc(70_000))],
      ['endless replicas', intruder => intruder.showRaw(Buffer.from('a'), endless)],
      ['endless entries', intruder => intruder.show(keepBytes(intruder, Buffer.concat([Buffer.of(1, 0), endless])))],
      ['a node of 250 kB', intruder => intruder.show(keepBytes(intruder, Buffer.alloc(250_000, 1)))]
    ]
  )
  await check(t)
})

test('E9: a size that is a lie costs nothing and stops nobody', async t => {
  const intruder = await intrude(t, victim, victim.key)
  const file = (size: number, height: number, root: Hash): Record =>
    recordOf(
      { kind: 'file', size, mtimeNs: 10n ** 18n, mode: 0o644, content: { height, root } },
      { replica: replica(99) }
    )
  const { root } = (intruder.file('short').versions[0]!.payload as { content: { root: Hash } }).content
  const truth = intruder.file('the truth')
  intruder.showRecords(
    recordsAt({
      huge: file(Number.MAX_SAFE_INTEGER, 0, root),
      long: file(6, 0, root),
      brief: file(4, 0, root),
      empty: file(0, 0, root),
      high: file(2 ** 52, 16, hashOf('nothing')),
      odd: file(5, 1, root),
      honest: truth
    })
  )
  await until(
    'the honest one came',
    async () => (await readFile(join(victim.directory, 'honest'), 'utf8')) === 'the truth'
  )
  for (const name of ['huge', 'long', 'brief', 'empty', 'high', 'odd'])
    t.absent((await readdir(victim.directory)).includes(name), name)
  const own = await readTree(join(victim.directory, '.backer/tmp'))
  t.ok(
    own.every(line => Number(line.split(' ').at(-1)) < 1024 * 1024),
    'nothing large lies in .backer/tmp'
  )
  await check(t)
})

test('E9: numbers that are none are refused', async t => {
  const record = fileRecord('x', { size: 0x1234 })
  const sizes = ['ffffffffffffffffff', 'ff0000000000002000', 'ff3412000000000000', 'fd0100'].map(
    hex =>
      [
        hex,
        (intruder: Intruder) =>
          intruder.showRaw(
            Buffer.from('a'),
            replaceBytes(recordBytes(record), encodeWith(uint, 0x1234), Buffer.from(hex, 'hex'))
          )
      ] as const
  )
  await refusesAll(t, ['MALFORMED', 'LIMIT'], sizes)
})

test('E10: counters that somebody else ran up take nobody the right to write', async t => {
  const intruder = await intrude(t, victim, victim.key)
  await until('heads are known', () => intruder.heads.length > 0)
  const replicas = [intruder.victim.hello.replica, await replicaOf(t, honest)]
  const poisoned = intruder.file('poisoned')
  const dots = [...replicas, replica(99)].sort().map((by: ReplicaId) => ({ replica: by, counter: COUNTER_MAX }))
  const last = dots.filter(dot => dot.replica === replica(99))
  intruder.showRecords(
    recordsAt({ 'mine.txt': { context: dots, versions: [{ dots: last, payload: poisoned.versions[0]!.payload }] } })
  )
  const read = (device: Backer): Promise<string> => readFile(join(device.directory, 'mine.txt'), 'utf8')
  await until('it came', async () => (await read(victim)) === 'poisoned' && (await read(honest)) === 'poisoned')
  for (const [i, [one, other]] of [
    [victim, honest] as const,
    [honest, victim] as const,
    [victim, honest] as const
  ].entries()) {
    await writeTree(one.directory, { 'mine.txt': `edit ${i}` })
    await until(`edit ${i} arrives`, async () => (await read(other)) === `edit ${i}`)
  }
  intruder.connection.destroy()
  await until('it has left', () => victim.status().peers.length === 1)
  await untilSame([victim, honest])
  t.alike(
    (await readTree(victim.directory)).filter(line => line.includes('mine (conflict')),
    []
  )
  await check(t)
})

test('E11: a clock that runs ages ahead decides no more than which file stands at the path', async t => {
  const intruder = await intrude(t, victim, victim.key)
  const times = [2n ** 63n - 1n, -(2n ** 63n), 253_402_300_800n * 10n ** 9n, -5n * 10n ** 9n, 0n, 999_999_999n]
  const entries = times.map((mtimeNs, i): [string, Record] => {
    const { context, versions } = intruder.file(`time ${i}`)
    const payload = versions[0]!.payload
    if (payload.kind !== 'file') throw new Error('no file')
    return [`time ${i}`, { context, versions: [{ dots: versions[0]!.dots, payload: { ...payload, mtimeNs } }] }]
  })
  intruder.showRecords(recordsAt(Object.fromEntries(entries)))
  await until(
    'all came',
    async () => (await readdir(honest.directory)).filter(name => name.startsWith('time')).length === 6
  )
  intruder.connection.destroy()
  await until('it has left', () => victim.status().peers.length === 1)
  await untilSame([victim, honest])
  const { root } = victim.status()
  for (let i = 0; i < 3; i++) {
    await Promise.all([victim.rescan(), honest.rescan()])
    await untilSame([victim, honest])
  }
  t.is(victim.status().root, root, 'looking again finds nothing new')
  await writeTree(victim.directory, { 'time 0': 'edited now' })
  await until(
    'a later edit wins',
    async () => (await readFile(join(honest.directory, 'time 0'), 'utf8')) === 'edited now'
  )
  await check(t)
})

test('E12: what somebody deletes or overwrites everywhere is kept by those who had it', async t => {
  const contents = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`mass/${i}`, `mass content ${i}`]))
  await writeTree(victim.directory, contents)
  await until('all are there', async () => (await readdir(join(honest.directory, 'mass'))).length === 60)
  await untilSame([victim, honest])
  const intruder = await intrude(t, victim, victim.key)
  const by = [intruder.victim.hello.replica, replica(99)].sort()
  const own = [{ replica: replica(99), counter: 5 }]
  const seen = by.map((id: ReplicaId) => ({ replica: id, counter: 5 }))
  const gone: Record = { context: seen, versions: [{ dots: own, payload: { kind: 'deleted' } }] }
  const locked: Record = {
    context: seen,
    versions: [{ dots: own, payload: intruder.file('pay').versions[0]!.payload }]
  }
  intruder.showRecords(
    recordsAt(Object.fromEntries(Object.keys(contents).map((path, i) => [path, i % 2 === 0 ? gone : locked])))
  )
  await until(
    'half of them are overwritten',
    async () => (await readFile(join(victim.directory, 'mass/59'), 'utf8')) === 'pay'
  )
  await until('the victim is at rest', () => victim.status().idle)
  const kept = await textsIn(victim.directory)
  for (const text of Object.values(contents)) if (!kept.has(text)) t.fail(`${text} is lost`)
  t.pass('every version is in the folder or in its revisions')
})

test('E13: a storm of conflicts and versions stops nobody else', async t => {
  const intruder = await intrude(t, victim, victim.key)
  for (let round = 1; round <= 150; round++) {
    const by = { replica: replica(1000 + (round % 40)), counter: round }
    const storm = intruder.file(`storm ${round}`, by)
    intruder.showRecords(recordsAt({ storm, [`storm ${round % 10}`]: intruder.file(`other ${round}`, by) }))
    if (round % 10 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await check(t)
  intruder.connection.destroy()
  await until('it has left', () => victim.status().peers.length === 1)
  t.absent(victim.status().error)
})

test('E13: more versions of an item than a record can hold are told, and stop nothing else', async t => {
  for (const first of [0, VERSIONS_MAX]) {
    const intruder = await intrude(t, victim, victim.key)
    const versions = Array.from({ length: VERSIONS_MAX }, (_, i) => {
      const { context, versions } = intruder.file(`version ${first + i}`, { replica: replica(3000 + first + i) })
      return { context, versions }
    })
    const context = versions.flatMap(one => one.context).sort((a, b) => (a.replica < b.replica ? -1 : 1))
    intruder.showRecords(
      recordsAt({
        'too much': makeRecord(
          context,
          versions.flatMap(one => one.versions)
        )
      })
    )
    await check(t)
    intruder.connection.destroy()
    await until('it has left', () => victim.status().peers.length === 1)
  }
  t.absent(victim.status().error)
  t.is(victim.status().problems.find(({ path }) => path === 'too much')?.code, 'too-many-versions')
})

test('all of that being over, both devices have the same, and close', async t => {
  await untilSame([victim, honest])
  t.alike(await readTree(victim.directory), await readTree(honest.directory))
  await close()
})

/** All texts that stand in a folder or in its revisions. */
async function textsIn(root: string): Promise<Set<string>> {
  const texts = new Set<string>()
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) texts.add(await readFile(join(entry.parentPath, entry.name), 'utf8'))
  }
  return texts
}

async function replicaOf(t: Test, device: Backer): Promise<ReplicaId> {
  const visitor = await intrude(t, device, device.key)
  const { replica: found } = visitor.victim.hello
  visitor.connection.destroy()
  return found
}

function childOf(intruder: Intruder, text: string): Parameters<typeof encodeChild>[0] {
  return { hash: keep(intruder, 0, [[text, good]]), sums: { records: 1, files: 1, bytes: 1 } }
}

function keep(intruder: Intruder, height: number, entries: readonly (readonly [string, Uint8Array])[]): Hash {
  return keepBytes(
    intruder,
    encodeNode(
      height,
      entries.map(([text, value]) => ({ key: asKey(Buffer.from(text as RelativePath)), value }))
    )
  )
}

function keepBytes(intruder: Intruder, bytes: Uint8Array): Hash {
  const hash = hashBytes(bytes)
  intruder.nodes.kept.set(Buffer.from(hash).toString('hex'), bytes)
  return hash
}

function replaceBytes(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes).lastIndexOf(from)
  if (at < 0) throw new Error('nothing to replace')
  return Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + from.length)])
}

/** In a directory's record the kind stands before the mode. */
function setKind(bytes: Uint8Array, kind: number): Uint8Array {
  const mode = encodeWith(uint, 0o755)
  return replaceBytes(bytes, Buffer.concat([Buffer.of(3), mode]), Buffer.concat([encodeWith(uint, kind), mode]))
}
