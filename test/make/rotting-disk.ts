import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { SeededRandom } from '../sim/random.js'
import type { Scope } from './backers.js'
import { installPackages } from './packages.js'

const BLOCK = 4096

/** A file system in a file, in which a bit can be turned over behind the system's back. Needs root. */
export class RottingDisk {
  /** Where it is mounted. */
  readonly at: string
  readonly #image: string
  readonly #random: SeededRandom

  /** In the directory `base`; it goes with the test. */
  constructor(t: Scope, base: string, random: SeededRandom) {
    if (process.getuid?.() !== 0) throw new Error('this suite needs root: it mounts file systems')
    installPackages({ 'mkfs.ext4': 'e2fsprogs', filefrag: 'e2fsprogs' })
    this.#random = random
    this.at = join(base, 'disk')
    this.#image = join(base, 'image')
    mkdirSync(this.at)
    execFileSync('truncate', ['-s', '256M', this.#image])
    execFileSync('mkfs.ext4', ['-q', '-b', String(BLOCK), this.#image])
    execFileSync('mount', ['-o', 'loop', this.#image, this.at])
    t.teardown(() => execFileSync('umount', ['--lazy', this.at]), { order: 90 })
  }

  /** Turns over one bit of each file, somewhere in it. Gives what each holds from now on. */
  rot(files: readonly string[]): Map<string, Buffer> {
    execFileSync('sync', ['-f', this.at])
    const image = openSync(this.#image, 'r+')
    const rotten = new Map<string, Buffer>()
    for (const path of files) {
      const bytes = readFileSync(path)
      const offset = this.#random.below(bytes.length)
      const at = physicalBlock(path, Math.floor(offset / BLOCK)) * BLOCK + (offset % BLOCK)
      const byte = Buffer.alloc(1)
      readSync(image, byte, 0, 1, at)
      if (byte[0] !== bytes[offset]) throw new Error(`${path} does not lie where the file system says`)
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << this.#random.below(8))
      writeSync(image, bytes, offset, 1, at)
      rotten.set(path, bytes)
    }
    closeSync(image)
    return rotten
  }
}

/** Where on the disk a block of a file lies, in blocks. */
function physicalBlock(path: string, block: number): number {
  for (const line of execFileSync('filefrag', ['-v', path], { encoding: 'utf8' }).split('\n')) {
    const [, from, to, physical] = /^\s*\d+:\s*(\d+)\.\.\s*(\d+):\s*(\d+)\.\./.exec(line)?.map(Number) ?? []
    if (from === undefined || to === undefined || physical === undefined) continue
    if (from <= block && block <= to) return physical + block - from
  }
  throw new Error(`${path} has no block ${block}`)
}
