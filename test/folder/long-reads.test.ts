import { closeSync, ftruncateSync, lstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { parsePath, type RelativePath } from '../../lib/core/model/path.js'
import type { Stamp } from '../../lib/core/model/stamp.js'
import type { Hashed } from '../../lib/disk/disk.js'
import { LongReads } from '../../lib/folder/long-reads.js'
import type { Candidate } from '../../lib/folder/survey.js'
import type { Backer } from '../../lib/index.js'
import { makeDevices, until, untilSame } from '../make/backers.js'

const LONG_BYTES = 1000

function candidate(name: string, version = 1, size = LONG_BYTES): Candidate {
  const stamp: Stamp = {
    kind: 'file',
    device: 1n,
    inode: BigInt(name.length),
    size,
    mtimeNs: BigInt(version),
    ctimeNs: BigInt(version),
    mode: 0o644
  }
  return { path: parsePath(name), listed: { name, stamp } }
}

/** A reader that is as far as a test says. */
class Reader {
  readonly asked: RelativePath[] = []
  readonly told: RelativePath[] = []
  readonly #ends: ((hashed: Hashed | Error) => void)[] = []
  readonly reads = new LongReads({
    longBytes: LONG_BYTES,
    onread: path => this.told.push(path),
    hash: ([path]) =>
      new Promise((resolve, reject) => {
        this.asked.push(path!)
        this.#ends.push(hashed => (hashed instanceof Error ? reject(hashed) : resolve([hashed])))
      })
  })

  /** The one that is being read now was read. */
  async end(hashed: Hashed | Error): Promise<void> {
    this.#ends.shift()?.(hashed)
    await new Promise(resolve => setImmediate(resolve))
  }
}

function hashedAs({ listed }: Candidate): Hashed {
  const content = { root: new Uint8Array(32), height: 1 } as unknown as Extract<Hashed, { kind: 'hashed' }>['content']
  return { kind: 'hashed', stamp: listed.stamp, content, chunks: new Uint8Array(0) }
}

test('large files are read one after the other, each given once, to who looks at it as it was read', async t => {
  const reader = new Reader()
  const { reads } = reader
  const [a, b] = [candidate('a'), candidate('bb')]
  t.absent(reads.isLong(candidate('c', 1, LONG_BYTES - 1)))
  t.ok(reads.isLong(a))
  t.ok(reads.isEmpty)
  t.alike([reads.take(a), reads.take(b), reads.take(a)], [undefined, undefined, undefined])
  t.alike(reader.asked, [a.path])
  await reader.end(hashedAs(a))
  t.alike([reader.told, reader.asked], [[a.path], [a.path, b.path]])
  t.absent(reads.isEmpty)
  t.alike(reads.take(a), hashedAs(a))
  await reader.end(hashedAs(b))
  const newer = candidate('bb', 2)
  t.is(reads.take(newer), undefined, 'it was written to since')
  t.is(reader.asked.length, 3)
  await reader.end(new Error('no disk'))
  await t.exception(() => reads.take(newer), /no disk/)
  t.ok(reads.isEmpty)
})

test('what was read, and is no candidate any more, is let go of when it was looked at; what was read meanwhile is not', async t => {
  const reader = new Reader()
  const { reads } = reader
  const [a, b] = [candidate('a'), candidate('bb')]
  reads.take(a)
  reads.take(b)
  await reader.end(hashedAs(a))
  reads.begin()
  await reader.end(hashedAs(b))
  reads.ended()
  t.absent(reads.isEmpty)
  t.alike(reader.told, [a.path, b.path, b.path], 'it is to be looked at again')
  t.alike(reads.take(b), hashedAs(b))
  t.ok(reads.isEmpty)
  t.is(reads.take(a), undefined)
})

test('files with an inode are waited for', async t => {
  const reader = new Reader()
  const { reads } = reader
  const [a, b] = [candidate('a'), candidate('bb')]
  reads.take(a)
  reads.take(b)
  let found: readonly Candidate[] | undefined
  void reads.withInode(new Set([b.listed.stamp.inode])).then(those => (found = those))
  await reader.end(hashedAs(a))
  t.is(found, undefined)
  await reader.end(hashedAs(b))
  t.alike(found, [b])
  t.alike(await reads.withInode(new Set([1n])), [])
})

test('a large file that is renamed is renamed on other devices, too', async t => {
  const [a, b] = (await makeDevices(t, 2)) as [Backer, Backer]
  const size = 2 * 1024 ** 3
  const file = openSync(join(a.directory, 'large'), 'w')
  writeSync(file, 'not only zeros')
  ftruncateSync(file, size)
  closeSync(file)
  const there = (name: string): ReturnType<typeof lstatSync> | undefined =>
    lstatSync(join(b.directory, name), { throwIfNoEntry: false })
  await until('it is there', () => there('large')?.size === size)
  await untilSame([a, b])
  const inode = there('large')?.ino
  renameSync(join(a.directory, 'large'), join(a.directory, 'renamed'))
  await until('it is there by its new name', () => there('renamed')?.size === size && there('large') === undefined)
  await untilSame([a, b])
  t.is(there('renamed')?.ino, inode)
})
