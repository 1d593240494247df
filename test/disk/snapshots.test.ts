import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { hashBytes, hashKey, type Hash } from '../../lib/core/model/hash.js'
import type { Payload } from '../../lib/core/model/record.js'
import type { Snapshot } from '../../lib/core/model/snapshot.js'
import { buildTree } from '../../lib/core/tree/update.js'
import { historyOf } from '../../lib/disk/history.js'
import { snapshotId } from '../../lib/disk/kept-ids.js'
import type { HistoryOperations, SweepOptions } from '../../lib/disk/kept.js'
import { deletedRecord, hashOf, path, recordOf } from '../make/record.js'
import { codeThrownBy } from '../make/thrown.js'
import {
  countingBytes,
  fileStep,
  install,
  makeFolder,
  stampAt,
  textsBelow,
  userWrites,
  type Folder
} from './make-folder.js'
import { Killed, killedAfter } from './watched-filesystem.js'

const HOUR_MS = 3600 * 1000
const START_MS = Date.UTC(2026, 0, 2)
const SWEEP: SweepOptions = { held: undefined, share: 1, untouchableMs: Infinity }

/** What each path of a state shows: a text, a directory, a link, or that it was deleted. */
type State = Readonly<Record<string, string | { readonly payload: Payload } | undefined>>

const DIRECTORY = { payload: { kind: 'directory', mode: 0o750 } } as const

/** Keeps a state as a snapshot that was made some hours in. Gives it. */
function keep(history: HistoryOperations, state: State, hours = 0): Snapshot {
  const records = Object.keys(state)
    .map(path)
    .sort((a, b) => Buffer.from(a.replaceAll('/', '\0')).compare(Buffer.from(b.replaceAll('/', '\0'))))
    .map(name => {
      const shown = state[name]
      if (shown === undefined) return [name, deletedRecord()] as const
      if (typeof shown === 'object') return [name, recordOf(shown.payload)] as const
      return [name, recordOf(filePayload(shown))] as const
    })
  const { root, nodes } = buildTree(records)
  history.addNodes(history.lackingNodes([...nodes.values()].map(hashBytes)).map(hash => nodes.get(hashKey(hash))!))
  const common = { root, atMs: START_MS + hours * HOUR_MS, device: 'ab'.repeat(32) }
  const snapshot: Snapshot = { ...common, id: snapshotId(common), kind: 'automatic', head: undefined }
  history.keepSnapshot(snapshot)
  return snapshot
}

function filePayload(text: string): Payload {
  const content = { height: 0, root: hashOf(text) }
  return { kind: 'file', size: Buffer.byteLength(text), mtimeNs: 1_600_000_000_000_000_000n, mode: 0o644, content }
}

/** Has a revision of this text be kept and packed. */
function keepText(folder: Folder, history: HistoryOperations, text: string): void {
  userWrites(folder, 'kept', text)
  install(folder, [fileStep(folder, 'kept', 'what replaced it')])
  history.pack(undefined)
}

function open(t: Test): { folder: Folder; history: HistoryOperations } {
  const folder = makeFolder(t)
  return { folder, history: historyOf(folder.fs, folder.root) }
}

const hasChunk = (history: HistoryOperations, text: string): boolean => history.chunk(hashOf(text)) !== undefined
const nodesIn = (folder: Folder): number => [...textsBelow(folder, '.backer/history/nodes').keys()].length

test('a kept state is told directory by directory, in pages, without what was deleted in it', t => {
  const { history } = open(t)
  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`d/many/${String(i).padStart(3, '0')}`, `${i}`])
  )
  const link: Payload = { kind: 'symlink', target: '../a', mtimeNs: -1n }
  const { root } = keep(history, {
    a: 'text',
    d: DIRECTORY,
    'd/l': { payload: link },
    'd/gone': undefined,
    'd/many': DIRECTORY,
    ...many,
    'd-e': 'behind d in no order but the tree’s',
    e: 'last'
  })
  const names = (directory: string | undefined, after?: string, limit = 1000): string[] =>
    history
      .treeChildren({
        root,
        directory: directory === undefined ? undefined : path(directory),
        after: after === undefined ? undefined : path(after),
        limit
      })
      .items.map(item => item.path)
  t.alike(names(undefined), ['a', 'd', 'd-e', 'e'])
  t.alike(names('d'), ['d/l', 'd/many'])
  t.is(names('d/many').length, 300)
  t.alike(names(undefined, 'd', 1), ['d-e'], 'behind d comes what does not lie in it')
  t.alike(names('nowhere'), [])
  t.alike(history.treeItem(root, path('d/l'))?.payload, link)
  t.is(history.treeItem(root, path('d/gone')), undefined)
  const paged: string[] = []
  for (let after: string | undefined, more = true; more;) {
    const page = history.treeBelow({
      root,
      directory: path('d'),
      after: after === undefined ? undefined : path(after),
      limit: 70
    })
    paged.push(...page.items.map(item => item.path))
    after = page.next
    more = after !== undefined
  }
  t.alike(paged, ['d/l', 'd/many', ...Object.keys(many)])
})

test('two states differ where they show something else, and in nothing else', t => {
  const { history } = open(t)
  const same = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`same/${i}`, `${i}`]))
  const a = keep(history, { ...same, changed: 'one', removed: 'x', never: undefined })
  const b = keep(history, { ...same, added: 'y', changed: 'two', removed: undefined })
  const found = history.treeDifferences(a.root, b.root, 1000)
  t.alike(
    found.map(({ path: at, before, after }) => [at, before?.kind, after?.kind]),
    [
      ['added', undefined, 'file'],
      ['changed', 'file', 'file'],
      ['removed', 'file', undefined]
    ]
  )
  t.is(history.treeDifferences(a.root, b.root, 1).length, 1)
  t.alike(history.treeDifferences(a.root, a.root, 1000), [])
})

test('what a snapshot needs stays when the revision goes, and goes with the last snapshot', t => {
  const { folder, history } = open(t)
  keepText(folder, history, 'needed by two')
  keepText(folder, history, 'needed by none')
  const first = keep(history, { f: 'needed by two' })
  const second = keep(history, { f: 'needed by two', g: 'another' }, 1)
  history.drop(history.list(undefined).revisions.map(({ storedAt }) => storedAt))
  history.sweep(SWEEP)
  t.ok(hasChunk(history, 'needed by two'))
  t.absent(hasChunk(history, 'needed by none'))
  t.is(history.dropSnapshots([first.id]), 1)
  history.sweep(SWEEP)
  t.ok(hasChunk(history, 'needed by two'))
  t.is(history.snapshots().snapshots.length, 1)
  history.dropSnapshots([second.id])
  const { chunks, bytes } = history.sweep(SWEEP)
  t.alike([chunks, bytes, nodesIn(folder)], [0, 0, 0])
  t.is(
    codeThrownBy(() => history.treeItem(second.root, path('f'))),
    'TREE_CORRUPT'
  )
})

test('for want of room the oldest has to go, no more of it than needed, and nothing that is pinned', t => {
  const { folder, history } = open(t)
  const texts = Array.from({ length: 6 }, (_, i) => Buffer.from(noise(i)).toString('hex'))
  texts.forEach(text => keepText(folder, history, text))
  history.drop(history.list(undefined).revisions.map(({ storedAt }) => storedAt))
  const snapshots = texts.map((text, i) => keep(history, { f: text }, i))
  history.pin(snapshots[0]!.id, true, 'user')
  history.pin(snapshots[1]!.id, true, 'maker')
  const whole = history.sweep(SWEEP)
  t.is(whole.cutoffMs, undefined, 'there is room')
  const free = folder.fs.space(folder.root).freeBytes
  const each = whole.bytes / texts.length
  const sweepTo = (files: number, untouchableMs = Infinity): number | undefined =>
    history.sweep({ held: undefined, share: ((files + 0.5) * each) / (free + whole.bytes), untouchableMs }).cutoffMs
  t.is(sweepTo(5), snapshots[2]!.atMs)
  t.is(sweepTo(3), snapshots[4]!.atMs)
  t.is(sweepTo(1), snapshots[5]!.atMs, 'what is pinned stays: all others go, and that is not enough')
  t.is(sweepTo(1, snapshots[3]!.atMs), snapshots[3]!.atMs, 'what is young stays as well')
  t.is(history.dropSnapshots(snapshots.slice(2, 4).map(({ id }) => id)), 2)
  t.ok(history.sweep(SWEEP).bytes < 4.5 * each)
})

test('a snapshot whose tree is damaged is told, and while it is there nothing is removed', t => {
  const { folder, history } = open(t)
  keepText(folder, history, 'kept')
  const { id, root } = keep(history, { f: 'kept' })
  const key = hashKey(root)
  const at = folder.at(join('.backer/history/nodes', key.slice(0, 2), key))
  const bytes = readFileSync(at)
  bytes[8] = (bytes[8] ?? 0) ^ 1
  writeFileSync(at, bytes)
  history.drop(history.list(undefined).revisions.map(({ storedAt }) => storedAt))
  const { removed, damaged } = history.sweep(SWEEP)
  t.alike([removed, damaged], [0, [id]])
  t.ok(hasChunk(history, 'kept'))
  t.is(
    codeThrownBy(() => history.treeItem(root, path('f'))),
    'TREE_CORRUPT'
  )
})

test('a damaged node is found, put aside and mended, and what only a snapshot needs tells how long it is', t => {
  const { folder, history } = open(t)
  keepText(folder, history, 'only in a snapshot')
  history.drop(history.list(undefined).revisions.map(({ storedAt }) => storedAt))
  const { root } = keep(history, { f: 'only in a snapshot' })
  const whole = history.node(root)!
  const group = hashKey(root).slice(0, 2)
  const at = folder.at(join('.backer/history/nodes', group, hashKey(root)))
  t.alike(history.check(group).nodes, [])
  writeFileSync(at, Buffer.concat([readFileSync(at), Buffer.of(0)]))
  t.alike(history.check(group).nodes.map(hashKey), [hashKey(root)])
  history.mend({ kind: 'node', hash: root, bytes: whole }, START_MS, countingBytes(32))
  t.alike(history.check(group).nodes, [])
  t.is(history.treeItem(root, path('f'))?.path, 'f')
  const chunk = hashOf('only in a snapshot')
  t.alike([...history.lengths([chunk, hashOf('nowhere')])], [[hashKey(chunk), 'only in a snapshot'.length]])
})

test('a state that shares most of a tree takes only what differs', t => {
  const { folder, history } = open(t)
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`f/${String(i).padStart(4, '0')}`, `${i}`]))
  keep(history, many)
  const before = nodesIn(folder)
  keep(history, { ...many, 'f/1234': 'edited' }, 1)
  t.ok(before > 50)
  t.ok(nodesIn(folder) - before <= 4, 'a leaf, and what is above it')
})

test('a snapshot that is cut off anywhere leaves the others whole, and can be made again', t => {
  const state = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`${i}`, `text ${i}`]))
  let kills = 0
  for (let last = 0; ; last += last < 16 ? 1 : 13) {
    const { folder, history } = open(t)
    keepText(folder, history, 'text 7')
    const first = keep(history, { first: 'text 7' })
    const dying = killedAfter(folder.fs, last)
    try {
      keep(historyOf(dying.fs, folder.root), state, 1)
    } catch (error) {
      if (!(error instanceof Killed)) throw error
      kills++
    }
    t.alike(history.snapshots().damaged, [])
    for (const { root } of history.snapshots().snapshots)
      t.ok(history.treeBelow({ root, directory: undefined, after: undefined, limit: 1000 }).items.length >= 1)
    const again = keep(history, state, 1)
    history.sweep(SWEEP)
    t.is(history.treeBelow({ root: again.root, directory: undefined, after: undefined, limit: 1000 }).items.length, 200)
    t.is(history.treeItem(first.root, path('first'))?.path, 'first')
    if (!dying.wasKilled()) break
  }
  t.ok(kills > 16, `${kills} kills`)
})

test('copies of what stands in the folder become revisions when it is replaced, and are held only as long', t => {
  const { folder, history } = open(t)
  const large = Buffer.from(noise(9, 400_000)).toString('latin1')
  userWrites(folder, 'd/large', large)
  userWrites(folder, 'small', 'small')
  const root = rootsOf(folder, 'd/large')
  const toHold = (at: string, content: { root: Hash; height: number }) => ({
    path: path(at),
    stamp: stampAt(folder, at)!,
    content
  })
  const small = toHold('small', { root: hashOf('small'), height: 0 })
  t.alike(history.hold([small]), ['held'])
  t.alike(history.hold([small]), ['held'], 'once is enough')
  t.alike(history.hold([toHold('d/large', root)]), ['held'])
  t.alike(history.hold([toHold('d/large', { ...root, root: hashOf('no such') })]), ['gone'], 'it is another one')
  userWrites(folder, 'small', 'edited')
  t.alike(history.hold([{ ...small, content: { root: hashOf('x'), height: 0 } }]), ['gone'])

  const held = Buffer.concat([hashOf('small'), root.root])
  const kept = history.sweep({ ...SWEEP, held })
  t.ok(kept.bytes === 0 && kept.heldBytes > 100_000)
  const world = { nowMs: START_MS, randomness: countingBytes(64) }
  const size = Buffer.byteLength(large, 'utf8')
  const payloads = [
    { path: path('small'), payload: { ...filePayload('small'), kind: 'file' as const } },
    { path: path('never'), payload: { ...filePayload('never seen') } }
  ] as Parameters<HistoryOperations['keepHeld']>[0]
  t.alike(history.keepHeld(payloads, world), [path('never')], 'what is not held is told')
  const [revision] = history.list(undefined).revisions
  t.alike([revision?.path, revision?.size, revision?.atMs], ['small', 5, START_MS])
  const after = history.sweep(SWEEP)
  t.is(after.heldBytes, 0, 'nothing is held any more')
  t.ok(hasChunk(history, 'small'))
  t.absent(history.chunkList(root.root), `${size} bytes are gone`)
})

/** Bytes that do not compress. */
function noise(seed: number, length = 3000): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0, state = seed + 1; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** The content of a file, as a scan would find it. */
function rootsOf(folder: Folder, at: string): { root: Hash; height: number } {
  const before = new Set(filesIn(folder, '.backer/history/contents'))
  userWrites(folder, 'copy', readFileSync(folder.at(at), 'utf8'))
  install(folder, [fileStep(folder, 'copy', 'replaced')])
  const history = historyOf(folder.fs, folder.root)
  history.pack(undefined)
  const revision = history.list(undefined).revisions.find(one => one.path === 'copy')
  if (revision?.manifest?.kind !== 'file') throw new Error('it was not packed')
  history.drop([revision.storedAt])
  history.sweep(SWEEP)
  if (filesIn(folder, '.backer/history/contents').length !== before.size) throw new Error('it is still there')
  return revision.manifest.content
}

function filesIn(folder: Folder, at: string): string[] {
  if (statSync(folder.at(at), { throwIfNoEntry: false }) === undefined) return []
  return readdirSync(folder.at(at)).flatMap(group => readdirSync(folder.at(`${at}/${group}`)))
}
