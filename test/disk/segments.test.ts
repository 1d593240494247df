import { randomBytes } from 'node:crypto'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import test from 'brittle'
import { hashKey } from '../../lib/core/model/hash.js'
import type { Hashed } from '../../lib/disk/disk.js'
import type { FileSystem } from '../../lib/disk/filesystem.js'
import { HashQueue, type Work } from '../../lib/disk/hash-queue.js'
import { hashFiles, SETTLED } from '../../lib/disk/hash.js'
import { DiskOperations } from '../../lib/disk/operations.js'
import type { SegmentSizes } from '../../lib/disk/segments.js'
import { makeFolder, pathOf, TRAITS, type Folder } from './make-folder.js'
import { watched } from './watched-filesystem.js'

const MIB = 1024 * 1024

/** Carries operations out at once, in this thread; `onrun` is told of each. */
function workOn(folder: Folder, fs: FileSystem, onrun: (name: string) => void): Work {
  const operations = new DiskOperations(fs, {
    root: folder.directory,
    marker: { folder: 'folder-id', instance: 'instance' },
    traits: TRAITS
  })
  return {
    width: 3,
    run: (name, ...args) => {
      onrun(name)
      const operation = operations[name].bind(operations) as (...values: unknown[]) => never
      return Promise.resolve(operation(...args))
    }
  }
}

async function hashInSegments(
  folder: Folder,
  sizes: SegmentSizes,
  { fs = folder.fs, onrun = () => undefined }: { fs?: FileSystem; onrun?: (name: string) => void } = {}
): Promise<Hashed> {
  const [hashed] = await new HashQueue(workOn(folder, fs, onrun), sizes).hash([pathOf('large')])
  if (hashed === undefined) throw new Error('no answer')
  return hashed
}

function hashAtOnce(folder: Folder): Hashed | undefined {
  return hashFiles(folder.fs, folder.root, [pathOf('large')], SETTLED)[0]
}

function rootOf(hashed: Hashed | undefined): string | undefined {
  return hashed?.kind === 'hashed' ? hashKey(hashed.content.root) : hashed?.kind
}

const CONTENTS: readonly (readonly [string, () => Uint8Array])[] = [
  ['random bytes', () => randomBytes(6 * MIB + 17)],
  ['zeros', () => new Uint8Array(6 * MIB + 1)],
  ['a period that is no divisor of anything', () => Buffer.alloc(5 * MIB, randomBytes(70_001))],
  ['zeros between random bytes', () => Buffer.concat([randomBytes(MIB + 3), new Uint8Array(4 * MIB), randomBytes(MIB)])]
]
const SIZES: readonly SegmentSizes[] = [
  { segmentBytes: MIB, overlapBytes: MIB / 2 },
  { segmentBytes: 700_001, overlapBytes: 0 },
  { segmentBytes: 2 * MIB, overlapBytes: 3 * MIB }
]

for (const [name, make] of CONTENTS)
  test(`a large file has the same chunks in segments as at one go: ${name}`, async t => {
    const folder = makeFolder(t)
    writeFileSync(folder.at('large'), make())
    const whole = hashAtOnce(folder)
    for (const sizes of SIZES) {
      const ran: string[] = []
      const hashed = await hashInSegments(folder, sizes, { onrun: one => void ran.push(one) })
      t.alike(hashed, whole)
      t.ok(ran.filter(one => one === 'hashSegment').length >= 3)
    }
  })

test('a large file that is written to while its segments are read is read again', async t => {
  const folder = makeFolder(t)
  writeFileSync(folder.at('large'), randomBytes(4 * MIB))
  let segments = 0
  const onrun = (name: string): void => {
    if (name === 'hashSegment' && ++segments === 3) appendFileSync(folder.at('large'), 'more')
  }
  const hashed = await hashInSegments(folder, { segmentBytes: MIB, overlapBytes: 1000 }, { onrun })
  t.is(rootOf(hashed), rootOf(hashAtOnce(folder)))
  t.is(hashed.kind === 'hashed' && hashed.stamp.size, 4 * MIB + 4)
})

test('one that never rests is told to be changing, one that goes while it is read to be absent', async t => {
  const folder = makeFolder(t)
  writeFileSync(folder.at('large'), randomBytes(4 * MIB))
  const restless = watched(folder.fs, call => {
    if (call === 'read') appendFileSync(folder.at('large'), 'x')
  })
  const sizes = { segmentBytes: MIB, overlapBytes: 1000 }
  const hashed = await hashInSegments(folder, sizes, { fs: restless })
  t.is(hashed.kind === 'failed' && hashed.problem.code, 'changing')
  const onrun = (name: string): void => {
    if (name === 'hashSegment') rmSync(folder.at('large'), { force: true })
  }
  t.is((await hashInSegments(folder, sizes, { onrun })).kind, 'absent')
})
