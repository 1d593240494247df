import { randomBytes } from 'node:crypto'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { hashBytes } from '../../lib/core/model/hash.js'
import type { Piece } from '../../lib/disk/disk.js'
import { fillStaged } from '../../lib/disk/fill.js'
import type { FileSystem } from '../../lib/disk/filesystem.js'
import { makeFolder, pathOf, type Folder } from './make-folder.js'
import { systemError, watched } from './watched-filesystem.js'

const CHUNK_BYTES = 50_000
const COUNT = 10

interface Scene {
  readonly folder: Folder
  readonly content: Uint8Array
  readonly pieces: readonly Piece[]
}

/** A file of ten chunks, and the pieces that copy each of them 7 bytes further back. */
function makeScene(t: Test): Scene {
  const folder = makeFolder(t)
  const content = randomBytes(COUNT * CHUNK_BYTES)
  writeFileSync(folder.at('source'), content)
  const pieces = Array.from({ length: COUNT }, (_, i): Piece => {
    const offset = i * CHUNK_BYTES
    return {
      hash: hashBytes(content.subarray(offset, offset + CHUNK_BYTES)),
      length: CHUNK_BYTES,
      to: offset + 7,
      from: { path: pathOf('source'), offset, length: CHUNK_BYTES }
    }
  })
  return { folder, content, pieces }
}

function fill({ folder }: Scene, pieces: readonly Piece[], fs: FileSystem = folder.fs): boolean[] {
  const path = join(folder.directory, 'staged')
  writeFileSync(path, '', { flag: 'a' })
  const file = folder.fs.openWrite(folder.root, 'staged')
  try {
    return fillStaged(fs, folder.root, file, pieces)
  } finally {
    folder.fs.close(file)
  }
}

test('pieces that lie together are copied at one go, and are what they should be', t => {
  const scene = makeScene(t)
  let copies = 0
  const counting = watched(scene.folder.fs, call => {
    if (call === 'copyRange') copies++
  })
  t.alike(fill(scene, scene.pieces, counting), Array(COUNT).fill(true))
  t.is(copies, 1)
  t.ok(readFileSync(scene.folder.at('staged')).subarray(7).equals(scene.content))
})

test('what lies there no longer is told, and only that', t => {
  const scene = makeScene(t)
  const changed = Buffer.from(scene.content)
  changed[3 * CHUNK_BYTES] = (changed[3 * CHUNK_BYTES] ?? 0) ^ 1
  writeFileSync(scene.folder.at('source'), changed.subarray(0, 8 * CHUNK_BYTES + 1))
  t.alike(
    fill(scene, scene.pieces),
    Array.from({ length: COUNT }, (_, i) => i !== 3 && i < 8)
  )
})

test('nothing is taken from where no file stands', t => {
  const scene = makeScene(t)
  symlinkSync('source', scene.folder.at('link'))
  const from = (path: string): Piece[] =>
    scene.pieces.slice(0, 2).map(piece => ({ ...piece, from: { path: pathOf(path), offset: 0, length: CHUNK_BYTES } }))
  t.alike(fill(scene, [...from('link'), ...from('missing'), ...from('source/below')]), Array(6).fill(false))
})

test('a piece without a source is verified where it is', t => {
  const scene = makeScene(t)
  const there = (piece: Piece): Piece => ({ hash: piece.hash, length: piece.length, to: piece.to })
  t.alike(fill(scene, scene.pieces.slice(4).map(there)), Array(6).fill(false))
  fill(scene, scene.pieces)
  t.alike(fill(scene, scene.pieces.map(there)), Array(COUNT).fill(true))
})

test('a full disk is no missing chunk', async t => {
  const scene = makeScene(t)
  const full = watched(scene.folder.fs, call => {
    if (call === 'copyRange') throw systemError('ENOSPC')
  })
  await t.exception(() => fill(scene, scene.pieces, full), /no space left/)
  const unreadable = watched(scene.folder.fs, call => {
    if (call === 'openRead') throw systemError('EIO')
  })
  t.alike(fill(scene, scene.pieces, unreadable), Array(COUNT).fill(false))
})
