import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import type { Amount } from './limits.js'

/** A change that is measured until the other side has it. */
export interface Step {
  readonly name: string
  /** Undefined where nothing has to be moved. */
  readonly amount: Amount | undefined
  readonly change: (root: string) => void
}

/** One workload: what is there at first, and the changes that are measured one after the other. */
export interface Workload {
  readonly name: string
  readonly amount: Amount
  readonly make: (root: string) => void
  readonly steps: readonly Step[]
}

const MIB = 1024 * 1024
const SMALL_BYTES = 4096
const PER_DIRECTORY = 100

/** The workloads at `scale`: 1 is a file of 1 GiB, 10,000 files of 4 KiB, 50,000 of 1 to 16 KiB, and a source tree of 5,000 files. */
export function workloadsAt(scale: number): readonly Workload[] {
  return [
    bigFile(Math.max(32, Math.round(1024 * scale))),
    equalFiles(Math.max(200, Math.round(10_000 * scale))),
    smallFiles(Math.max(500, Math.round(50_000 * scale))),
    sourceTree(Math.max(200, Math.round(5000 * scale)))
  ]
}

function bigFile(mib: number): Workload {
  const big = (root: string): string => join(root, 'directory', 'big')
  return {
    name: `one file of ${mib} MiB`,
    amount: { bytes: mib * MIB, files: 1 },
    make: root => makeBig(root, mib),
    steps: [
      {
        name: '1 MiB overwritten in its middle',
        amount: { bytes: MIB, files: 0 },
        change: root => overwrite(big(root), Math.floor(mib / 2) * MIB, MIB)
      },
      {
        name: '16 MiB appended',
        amount: { bytes: 16 * MIB, files: 0 },
        change: root => appendFileSync(big(root), random(16 * MIB))
      },
      {
        name: '1 KiB inserted at its start',
        amount: { bytes: 1024, files: 1 },
        change: root => insert(big(root), random(1024))
      },
      {
        name: 'its directory renamed',
        amount: undefined,
        change: root => renameSync(join(root, 'directory'), join(root, 'renamed'))
      }
    ]
  }
}

function equalFiles(count: number): Workload {
  return {
    name: `${count} files of 4 KiB`,
    amount: { bytes: count * SMALL_BYTES, files: count },
    make: root => makeFiles(join(root, 'files'), count, () => SMALL_BYTES),
    steps: [
      {
        name: 'moved to another directory',
        amount: undefined,
        change: root => {
          mkdirSync(join(root, 'other'))
          renameSync(join(root, 'files'), join(root, 'other', 'files'))
        }
      }
    ]
  }
}

function smallFiles(count: number): Workload {
  const sizeOf = (i: number): number => 1024 + ((i * 7919) % (15 * 1024))
  return {
    name: `${count} files of 1 to 16 KiB`,
    amount: { bytes: count * 8.5 * 1024, files: count },
    make: root => makeFiles(join(root, 'files'), count, sizeOf),
    steps: [
      {
        name: '1 % of them changed',
        amount: { bytes: (count / 100) * 8.5 * 1024, files: count / 100 },
        change: root => changeSome(join(root, 'files'), count)
      }
    ]
  }
}

/** A git repository with two releases: between them a fifth of the files change, some come, and some go. */
function sourceTree(count: number): Workload {
  const bytes = count * 8 * 1024
  return {
    name: `a source tree of ${count} files`,
    amount: { bytes, files: count },
    make: root => makeReleases(root, count),
    steps: [
      {
        name: 'git checkout of the next release',
        amount: { bytes: bytes / 5, files: count / 5 },
        change: root => git(join(root, 'sources'), 'checkout', '-q', 'v2')
      }
    ]
  }
}

function random(bytes: number): Buffer {
  return randomFillSync(Buffer.alloc(bytes))
}

function makeBig(root: string, mib: number): void {
  mkdirSync(join(root, 'directory'))
  const file = openSync(join(root, 'directory', 'big'), 'w')
  for (let i = 0; i < mib; i += 16) writeSync(file, random(Math.min(16, mib - i) * MIB))
  closeSync(file)
}

function overwrite(path: string, position: number, bytes: number): void {
  const file = openSync(path, 'r+')
  writeSync(file, random(bytes), 0, bytes, position)
  closeSync(file)
}

function insert(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.new`, Buffer.concat([bytes, readFileSync(path)]))
  renameSync(`${path}.new`, path)
}

function pathOf(root: string, i: number): string {
  return join(root, `directory ${Math.floor(i / PER_DIRECTORY)}`, `file ${i}`)
}

function makeFiles(root: string, count: number, sizeOf: (i: number) => number): void {
  for (let i = 0; i < count; i++) {
    const path = pathOf(root, i)
    if (i % PER_DIRECTORY === 0) mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, random(sizeOf(i)))
  }
}

function changeSome(root: string, count: number): void {
  for (let i = 0; i < count; i += 100) {
    const path = pathOf(root, i)
    writeFileSync(path, random(statSync(path).size))
  }
}

function makeReleases(root: string, count: number): void {
  const tree = join(root, 'sources')
  mkdirSync(tree)
  git(tree, 'init', '-q')
  makeFiles(tree, count, i => 1024 + ((i * 7919) % (14 * 1024)))
  commit(tree, 'v1')
  for (let i = 0; i < count; i += 5) writeFileSync(pathOf(tree, i), random(statSync(pathOf(tree, i)).size))
  makeFiles(join(tree, 'new'), Math.floor(count / 20), () => SMALL_BYTES)
  git(tree, 'rm', '-rqf', 'directory 1')
  commit(tree, 'v2')
  git(tree, 'checkout', '-q', 'v1')
}

function commit(tree: string, tag: string): void {
  git(tree, 'add', '-A')
  const author = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', '-c', 'gc.auto=0']
  git(tree, ...author, 'commit', '-qm', tag)
  git(tree, 'tag', tag)
}

function git(tree: string, ...words: string[]): void {
  execFileSync('git', words, { cwd: tree, stdio: 'ignore' })
}
