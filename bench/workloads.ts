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

/** One workload: what is there at first, and the changes that are measured one after the other, each until the other side has it. */
export interface Workload {
  readonly name: string
  readonly make: (root: string) => void
  readonly steps: readonly { readonly name: string; readonly change: (root: string) => void }[]
}

const MIB = 1024 * 1024

/** The workloads at `scale`: 1 is a file of 1 GiB and 50,000 small ones. */
export function workloadsAt(scale: number): readonly Workload[] {
  const bigMiB = Math.max(32, Math.round(1024 * scale))
  const count = Math.max(500, Math.round(50_000 * scale))
  return [
    {
      name: `one file of ${bigMiB} MiB`,
      make: root => makeBig(root, bigMiB),
      steps: [
        {
          name: '1 MiB overwritten in its middle',
          change: root => overwrite(join(root, 'big'), (bigMiB / 2) * MIB, MIB)
        },
        { name: '16 MiB appended', change: root => appendFileSync(join(root, 'big'), random(16 * MIB)) },
        { name: '1 KiB inserted at its start', change: root => insert(join(root, 'big'), random(1024)) }
      ]
    },
    {
      name: `${count} files of 1 to 16 KiB`,
      make: root => makeSmall(root, count),
      steps: [
        { name: 'their directory renamed', change: root => renameSync(join(root, 'small'), join(root, 'renamed')) },
        { name: '1 % of them changed', change: root => changeSome(join(root, 'renamed'), count) }
      ]
    }
  ]
}

function random(bytes: number): Buffer {
  return randomFillSync(Buffer.alloc(bytes))
}

function makeBig(root: string, mib: number): void {
  const file = openSync(join(root, 'big'), 'w')
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

function smallPath(root: string, i: number): string {
  return join(root, `directory ${Math.floor(i / 100)}`, `file ${i}`)
}

function makeSmall(root: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const path = smallPath(join(root, 'small'), i)
    if (i % 100 === 0) mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, random(1024 + ((i * 7919) % (15 * 1024))))
  }
}

function changeSome(root: string, count: number): void {
  for (let i = 0; i < count; i += 100) {
    const path = smallPath(root, i)
    writeFileSync(path, random(statSync(path).size))
  }
}
