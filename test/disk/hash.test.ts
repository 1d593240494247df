import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import test from 'brittle'
import { contentOf, encodeChunkList, type Chunk } from '../../lib/core/chunk/content-tree.js'
import { nextBoundary } from '../../lib/core/chunk/fastcdc.js'
import { hashBytes, hashKey, type HashKey } from '../../lib/core/model/hash.js'
import type { Hashed } from '../../lib/disk/disk.js'
import { makeSettle } from '../../lib/disk/settle.js'
import type { FileSystem } from '../../lib/disk/filesystem.js'
import { contentRootOf, hashFiles, SETTLED, type Settle } from '../../lib/disk/hash.js'
import { makeFolder, pathOf, type Folder } from './make-folder.js'
import { systemError, watched } from './watched-filesystem.js'

const MIB = 1024 * 1024

/** The chunks of bytes that lie in memory as a whole. */
function chunksOf(bytes: Uint8Array): Chunk[] {
  const chunks: Chunk[] = []
  for (let start = 0; start < bytes.byteLength;) {
    const cut = nextBoundary(bytes, start, bytes.byteLength, true) ?? bytes.byteLength
    chunks.push({ hash: hashBytes(bytes.subarray(start, cut)), length: cut - start })
    start = cut
  }
  return chunks
}

function rootOf(bytes: Uint8Array): HashKey {
  return hashKey(contentOf(chunksOf(bytes)).content.root)
}

function hash(folder: Folder, path: string, fs: FileSystem = folder.fs, settle: Settle = SETTLED): Hashed {
  const [hashed] = hashFiles(fs, folder.root, [pathOf(path)], settle)
  if (hashed === undefined) throw new Error('no answer')
  return hashed
}

/** The root of what was hashed, or what came instead. */
function foundIn(hashed: Hashed): string {
  if (hashed.kind === 'hashed') return hashKey(hashed.content.root)
  return hashed.kind === 'failed' ? hashed.problem.code : hashed.kind
}

/** A file system that calls `act` ahead of the call `name`, with how often it was made before. */
function before(fs: FileSystem, name: string, act: (times: number) => void): FileSystem {
  let times = 0
  return watched(fs, call => {
    if (call === name) act(times++)
  })
}

test('a file of any size is cut and hashed as if it lay in memory', t => {
  const folder = makeFolder(t)
  const all = randomBytes(9_000_001)
  const sizes = [
    0,
    1,
    32 * 1024 - 1,
    32 * 1024,
    512 * 1024,
    512 * 1024 + 1,
    4 * MIB - 1,
    4 * MIB,
    4 * MIB + 1,
    all.length
  ]
  for (const size of sizes) {
    const bytes = all.subarray(0, size)
    writeFileSync(folder.at('file'), bytes)
    const hashed = hash(folder, 'file')
    t.is(foundIn(hashed), rootOf(bytes), `${size} bytes`)
    if (hashed.kind !== 'hashed') continue
    const chunks = chunksOf(bytes)
    t.alike(hashed.chunks, chunks.length > 1 ? encodeChunkList(chunks) : new Uint8Array(0))
    t.is(hashed.stamp.size, size)
  }
})

test('files of several directories are hashed in the order asked', t => {
  const folder = makeFolder(t)
  const paths = ['a/1', 'a/2', 'b/1', '1', 'a/3', 'gone/1', 'b/2']
  for (const path of paths.filter(each => !each.startsWith('gone'))) {
    mkdirSync(folder.at(path).replace(/\/[^/]*$/, ''), { recursive: true })
    writeFileSync(folder.at(path), path)
  }
  const hashed = hashFiles(folder.fs, folder.root, paths.map(pathOf), SETTLED)
  t.alike(
    hashed.map(foundIn),
    paths.map(path => (path.startsWith('gone') ? 'absent' : rootOf(Buffer.from(path))))
  )
})

test('what is no plain file is absent, and is never opened', t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('directory'))
  symlinkSync('directory', folder.at('link'))
  execFileSync('mkfifo', [folder.at('fifo')])
  if (process.getuid?.() === 0) execFileSync('mknod', [folder.at('device'), 'c', '1', '5'])
  const fs = before(folder.fs, 'openRead', () => t.fail('it was opened'))
  for (const path of ['directory', 'link', 'fifo', 'device', 'missing', 'missing/below', 'link/below'])
    t.is(foundIn(hash(folder, path, fs)), 'absent', path)
})

test('a file that becomes a FIFO in that very moment is absent, and holds up nobody', t => {
  const folder = makeFolder(t)
  writeFileSync(folder.at('file'), 'a')
  const fs = before(folder.fs, 'openRead', () => {
    rmSync(folder.at('file'))
    execFileSync('mkfifo', [folder.at('file')])
  })
  t.is(foundIn(hash(folder, 'file', fs)), 'absent')
})

test('a file that is replaced while it is read is read again', t => {
  const folder = makeFolder(t)
  const [old, now] = [randomBytes(5 * MIB), randomBytes(5 * MIB)]
  writeFileSync(folder.at('file'), old)
  writeFileSync(folder.at('new'), now)
  const fs = before(folder.fs, 'read', times => {
    if (times === 1) renameSync(folder.at('new'), folder.at('file'))
  })
  t.is(foundIn(hash(folder, 'file', fs)), rootOf(now))
})

test('a file that is removed while it is read is absent', t => {
  const folder = makeFolder(t)
  writeFileSync(folder.at('file'), 'a')
  const fs = before(folder.fs, 'read', () => rmSync(folder.at('file'), { force: true }))
  t.is(foundIn(hash(folder, 'file', fs)), 'absent')
})

test('a file that is written in place, cut or extended while it is read is read again', t => {
  const changes: readonly (readonly [title: string, change: (path: string) => void])[] = [
    ['written', path => writeFileSync(path, 'b'.repeat(5 * MIB))],
    ['cut', path => truncateSync(path, 5)],
    ['emptied', path => truncateSync(path, 0)],
    ['extended', path => appendFileSync(path, 'more')]
  ]
  for (const [title, change] of changes) {
    const folder = makeFolder(t)
    writeFileSync(folder.at('file'), 'a'.repeat(5 * MIB))
    const fs = before(folder.fs, 'read', times => {
      if (times === 1) change(folder.at('file'))
    })
    t.is(foundIn(hash(folder, 'file', fs)), rootOf(readFileSync(folder.at('file'))), title)
  }
})

test('a file that never rests is changing, and is not read for ever', t => {
  const folder = makeFolder(t)
  writeFileSync(folder.at('file'), 'a')
  let reads = 0
  const fs = before(folder.fs, 'read', () => {
    if (++reads > 100) throw new Error('it is read for ever')
    appendFileSync(folder.at('file'), 'more'.repeat(MIB))
  })
  t.is(foundIn(hash(folder, 'file', fs)), 'changing')
})

test('a large file that is being written is found out before its end', t => {
  const folder = makeFolder(t)
  writeFileSync(folder.at('file'), '')
  truncateSync(folder.at('file'), 400 * MIB)
  let reads = 0
  const fs = before(folder.fs, 'read', () => {
    if (reads++ % 4 === 0) appendFileSync(folder.at('file'), 'more')
  })
  t.is(foundIn(hash(folder, 'file', fs)), 'changing')
  t.ok(reads < 70, `${reads} reads of 4 MiB`)
})

test('a write that would not show in the times is waited for', t => {
  const folder = makeFolder(t)
  writeFileSync(folder.at('file'), 'old')
  const settle: Settle = ({ size }) => {
    t.is(size, 3)
    writeFileSync(folder.at('file'), 'newer')
    return true
  }
  const hashed = hash(folder, 'file', folder.fs, settle)
  t.is(foundIn(hashed), rootOf(Buffer.from('newer')))
  t.is(hashed.kind === 'hashed' && hashed.stamp.size, 5)
})

test('a write waits for the clock of file times no longer than that takes to go on', t => {
  const stamp = (ctimeNs: bigint): Parameters<Settle>[0] => ({
    kind: 'file',
    device: 1n,
    inode: 1n,
    size: 1,
    mtimeNs: 0n,
    ctimeNs,
    mode: 0o600
  })
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const clockAt = (ns: bigint): { fileClockNs: () => bigint; reads: number } => {
    const clock = { reads: 0, fileClockNs: () => ns + BigInt(clock.reads++) * 1_000_000n }
    return clock
  }
  const old = clockAt(nowNs)
  t.absent(makeSettle(old)(stamp(nowNs - 1_000_000_000n)), 'what is old waits for nothing')
  t.is(old.reads, 0)
  t.absent(makeSettle(clockAt(nowNs))(stamp(nowNs - 1n)), 'the clock has gone on already')
  const late = clockAt(nowNs - 3_000_000n)
  t.ok(makeSettle(late)(stamp(nowNs)), 'it is waited for')
  t.is(late.reads, 5, 'until it is behind the stamp')
})

test('what says that it is empty and is not is not taken for empty', t => {
  const folder = makeFolder(t)
  const fs = new Proxy(folder.fs, {
    get(target, property) {
      const call = Reflect.get(target, property, target) as (...values: readonly unknown[]) => unknown
      if (property !== 'fstat' && property !== 'lstat') return typeof call === 'function' ? call.bind(target) : call
      return (...values: readonly unknown[]): unknown => ({ ...(call.apply(target, [...values]) as object), size: 0 })
    }
  })
  writeFileSync(folder.at('file'), 'a')
  t.is(foundIn(hash(folder, 'file', fs)), 'changing')
  truncateSync(folder.at('file'), 0)
  t.is(foundIn(hash(folder, 'file', fs)), rootOf(new Uint8Array(0)))
})

test('an error of the system fails this file only', t => {
  const folder = makeFolder(t)
  for (const path of ['1', '2', '3']) writeFileSync(folder.at(path), path)
  for (const call of ['lstat', 'openRead', 'fstat', 'read']) {
    for (const code of ['EACCES', 'EIO', 'EMFILE', 'ESTALE', 'ENOTCONN', 'EOVERFLOW']) {
      let isSecond = false
      const fs = watched(folder.fs, (made, _number, [, name]) => {
        if (made === 'lstat') isSecond = name === '2'
        if (made === call && isSecond) throw systemError(code)
      })
      const found = hashFiles(fs, folder.root, ['1', '2', '3'].map(pathOf), SETTLED).map(foundIn)
      t.alike(found, [rootOf(Buffer.from('1')), 'unreadable', rootOf(Buffer.from('3'))], `${code} of ${call}`)
    }
  }
})

test('the content root of an open file is that of its path', t => {
  const folder = makeFolder(t)
  const bytes = randomBytes(MIB)
  writeFileSync(folder.at('file'), bytes)
  const file = openSync(folder.at('file'), 'r')
  const root = contentRootOf(folder.fs, file)
  closeSync(file)
  t.is(root === undefined ? root : hashKey(root), rootOf(bytes))
})

test('a file that another process extends is only ever hashed as it stood between two writes', async t => {
  const folder = makeFolder(t)
  // A page: of a larger write the system may show a part.
  const RECORD = 4096
  writeFileSync(folder.at('log'), '')
  const program = `
    const { writeSync, openSync } = require('fs')
    const file = openSync(${JSON.stringify(folder.at('log'))}, 'a')
    const pause = new Int32Array(new SharedArrayBuffer(4))
    const end = Date.now() + 1000
    for (let i = 0; Date.now() < end && i < 900; i++) {
      writeSync(file, Buffer.alloc(${RECORD}, i % 251))
      if (i % 8 === 0) Atomics.wait(pause, 0, 0, 3)
    }`
  const writer = spawn(process.execPath, ['-e', program], { stdio: 'inherit' })
  const ended = once(writer, 'exit')
  let isRunning = true
  void ended.then(() => (isRunning = false))
  const roots = new Map<number, string>()
  while (isRunning) {
    const hashed = hash(folder, 'log')
    if (hashed.kind === 'hashed') roots.set(hashed.stamp.size, foundIn(hashed))
    await new Promise(resolve => setImmediate(resolve))
  }
  await ended
  const all = readFileSync(folder.at('log'))
  const last = hash(folder, 'log')
  t.is(foundIn(last), rootOf(all), 'at rest it is hashed whole')
  t.ok(roots.size > 1, `it was caught at ${roots.size} sizes`)
  const checked = [...roots].slice(-40)
  t.alike(
    checked.filter(([size, root]) => size % RECORD !== 0 || root !== rootOf(all.subarray(0, size))),
    []
  )
})
