import test from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import type { Hashed, InstallResult, InstallStep, SmallFile } from '../../lib/disk/disk.js'
import type { Large } from '../../lib/disk/hash.js'
import { buffersOfHashed, packHashed, unpackHashed } from '../../lib/disk/pack-hashed.js'
import { buffersOfLooks, packLooks, unpackLooks } from '../../lib/disk/pack-looks.js'
import { buffersOfFiles, packFiles, unpackFiles } from '../../lib/disk/pack-small.js'
import { buffersOfReads, packExtents, packReads, unpackExtents, unpackReads } from '../../lib/disk/pack-reads.js'
import {
  buffersOfResults,
  buffersOfSteps,
  packResults,
  packSteps,
  unpackResults,
  unpackSteps
} from '../../lib/disk/pack-steps.js'
import { hashOf } from '../make/record.js'

const stamp = {
  kind: 'file',
  device: 2n ** 63n - 1n,
  inode: 12n,
  size: 2 ** 40,
  mtimeNs: -1n,
  ctimeNs: 1_700_000_000_123_456_789n,
  mode: 0o640
} as const
const path = parsePath('a b/\u{1f600}\n')
const content = { root: hashOf('content'), height: 0 }

test('small files come to the thread that writes them as they were', t => {
  const files: SmallFile[] = [
    { name: 'first', bytes: Buffer.from('one'), metadata: { mode: 0o644, mtimeNs: -5n } },
    { name: 'empty', bytes: new Uint8Array(0), metadata: { mode: 0, mtimeNs: 2n ** 62n } },
    { name: 'plain', bytes: Buffer.from('no metadata').subarray(3) },
    { name: 'last', bytes: Buffer.alloc(70_000, 7) }
  ]
  const packed = packFiles(files)
  const unpacked = unpackFiles(structuredClone(packed, { transfer: buffersOfFiles(packed) }))
  t.alike(unpacked.map(plain), files.map(plain))
  t.is(files[0]?.bytes.byteLength, 3, 'and what was given is still there')
})

function plain({ bytes, ...file }: SmallFile): object {
  return { ...file, text: Buffer.from(bytes).toString('hex') }
}

test('steps of all kinds, and what came of them, go between threads as they are', t => {
  const file = { kind: 'file', path, staged: 'staged-name', mtimeNs: -1n, mode: 0o755 } as const
  const moved = { kind: 'move', path, from: parsePath('m'), fromStamp: stamp, mtimeNs: 5n, mode: 0o644 } as const
  const steps: InstallStep[] = [
    { ...file, expected: { kind: 'nothing' }, displaced: { kind: 'revision' } },
    {
      kind: 'directory',
      path: parsePath('d'),
      expected: { kind: 'nothing' },
      mode: 0o700,
      displaced: { kind: 'revision' }
    },
    { ...file, expected: { kind: 'stamped', stamp }, displaced: { kind: 'revision' } },
    { ...file, expected: { kind: 'nothing' }, displaced: { kind: 'conflict', path: parsePath('copy') } },
    { ...file, path: parsePath('z'), staged: 'other', expected: { kind: 'nothing' }, displaced: { kind: 'revision' } },
    { kind: 'remove', path: parsePath('gone'), expected: { kind: 'stamped', stamp }, displaced: { kind: 'nothing' } },
    { kind: 'remove', path: parsePath('r'), expected: { kind: 'stamped', stamp }, displaced: { kind: 'revision' } },
    { kind: 'remove', path: parsePath('none'), expected: { kind: 'nothing' }, displaced: { kind: 'revision' } },
    { ...moved, expected: { kind: 'nothing' }, displaced: { kind: 'revision' } },
    { ...moved, expected: { kind: 'stamped', stamp }, displaced: { kind: 'revision' } },
    { ...file, mode: 0, expected: { kind: 'nothing' }, displaced: { kind: 'revision' } }
  ]
  const packed = packSteps(steps)
  t.alike(unpackSteps(structuredClone(packed, { transfer: buffersOfSteps(packed) })), steps)
  const results: InstallResult[] = [
    { kind: 'done', stamp },
    { kind: 'changed' },
    { kind: 'done' },
    { kind: 'done', stamp, conflictStamp: { ...stamp, inode: 13n } },
    { kind: 'done', stamp: { ...stamp, kind: 'symlink', mode: 0o777 } },
    { kind: 'blocked', by: 'd' },
    { kind: 'failed', problem: { code: 'unwritable', message: 'no' } }
  ]
  const told = packResults(results)
  t.alike(unpackResults(structuredClone(told, { transfer: buffersOfResults(told) })), results)
  t.alike(unpackSteps(structuredClone(packSteps([]))), [])
})

test('what stands at paths is told between threads as it is', t => {
  const paths = [path, parsePath('nothing'), parsePath('d/unknown'), parsePath('link'), parsePath('dir')]
  const looks = [
    { name: '\u{1f600}\n', stamp },
    undefined,
    'unknown' as const,
    { name: 'link', stamp: { ...stamp, kind: 'symlink' as const }, target: '../there' },
    { name: 'dir', stamp: { ...stamp, kind: 'directory' as const } }
  ]
  const packed = packLooks(looks)
  t.alike(unpackLooks(paths, structuredClone(packed, { transfer: buffersOfLooks(packed) })), looks)
})

test('what is to be read, and what was read, go between threads as they are', t => {
  const extents = [
    { path, offset: 2 ** 40, length: 3 },
    { path: parsePath('b'), offset: 0, length: 0 }
  ]
  t.alike(unpackExtents(structuredClone(packExtents(extents))), extents)
  t.alike(unpackExtents(packExtents([])), [])
  const shared = Uint8Array.from([1, 2, 3, 4])
  const pieces = [shared.subarray(0, 1), undefined, Uint8Array.from([9]), shared.subarray(1), new Uint8Array(0)]
  const expected = pieces.map(piece => piece && Buffer.from(piece).toString('hex'))
  const packed = packReads(pieces)
  const unpacked = unpackReads(structuredClone(packed, { transfer: buffersOfReads(packed) }))
  t.alike(
    unpacked.map(piece => piece && Buffer.from(piece).toString('hex')),
    expected
  )
  t.is(unpacked[0]?.buffer, unpacked[3]?.buffer, 'in as few buffers')
})

test('what hashing gave goes between threads as it is', t => {
  const hashed: (Hashed | Large)[] = [
    { kind: 'hashed', stamp, content, chunks: new Uint8Array(0) },
    { kind: 'hashed', stamp, content: { ...content, height: 1 }, chunks: Buffer.from('a list') },
    { kind: 'absent' },
    { kind: 'large', stamp },
    {
      kind: 'hashed',
      stamp: { ...stamp, inode: 13n },
      content: { root: hashOf('other'), height: 0 },
      chunks: new Uint8Array(0)
    },
    { kind: 'failed', problem: { code: 'unreadable', message: 'no' } }
  ]
  const packed = packHashed(hashed)
  const unpacked = unpackHashed(structuredClone(packed, { transfer: buffersOfHashed(packed) }))
  t.alike(unpacked.map(bytesAsText), hashed.map(bytesAsText))
})

function bytesAsText(hashed: Hashed | Large): object {
  if (hashed.kind !== 'hashed') return hashed
  const { chunks, content } = hashed
  const texts = { root: Buffer.from(content.root).toString('hex'), chunks: Buffer.from(chunks).toString('hex') }
  return { ...hashed, ...texts, content: content.height }
}
