import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'

const SIZE_BYTES = 320 * 1024 * 1024

/** File systems whose power can be cut. */
export const KINDS = {
  ext4: { make: ['mkfs.ext4', '-q', '-F'], options: 'rw' },
  'ext4-writeback': { make: ['mkfs.ext4', '-q', '-F'], options: 'rw,data=writeback,noauto_da_alloc' },
  xfs: { make: ['mkfs.xfs', '-q', '-f'], options: 'rw,nouuid' },
  exfat: { make: ['mkfs.exfat'], options: 'rw' }
} as const

export type Kind = keyof typeof KINDS

/** File systems in files, mounted by loop devices; all of them go with `close`, which may be called at any time and more than once. */
export class Mounts {
  readonly #base: string
  readonly #mounted = new Map<string, { readonly image: string; readonly kind: Kind }>()

  constructor(base: string) {
    this.#base = base
  }

  /** Makes and mounts a file system; gives the directory. */
  make(name: string, kind: Kind): string {
    const image = join(this.#base, `${name}.img`)
    const directory = join(this.#base, name)
    writeFileSync(image, '')
    truncateSync(image, SIZE_BYTES)
    const [program, ...args] = KINDS[kind].make
    run(program, ...args, image)
    mkdirSync(directory, { recursive: true })
    this.#mount(directory, image, kind)
    return directory
  }

  /** The power goes, and comes back: what was not synced is gone. `flushesLog`: the journal is written first. */
  cutPower(directory: string, flushesLog: boolean): void {
    const mounted = this.#mounted.get(directory)
    if (mounted === undefined) throw new Error(`${directory} is not mounted`)
    run('xfs_io', '-x', '-c', flushesLog ? 'shutdown -f' : 'shutdown', directory)
    this.#unmount(directory)
    // Another mount namespace may still show the file system that was shut down, and the same image would be that one again.
    const image = mounted.image.endsWith('+') ? mounted.image.slice(0, -1) : `${mounted.image}+`
    run('cp', '--sparse=always', mounted.image, image)
    rmSync(mounted.image)
    this.#mount(directory, image, mounted.kind)
  }

  close(): void {
    for (const [directory, { image }] of [...this.#mounted]) {
      this.#unmount(directory)
      rmSync(image, { force: true })
    }
  }

  #mount(directory: string, image: string, kind: Kind): void {
    if (kind === 'exfat') {
      // FUSE mounts a device only; it goes with what is mounted.
      const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim()
      run('mount.exfat-fuse', '-o', KINDS[kind].options, device, directory)
      run('losetup', '--detach', device)
    } else run('mount', '-o', `loop,${KINDS[kind].options}`, image, directory)
    this.#mounted.set(directory, { image, kind })
  }

  #unmount(directory: string): void {
    this.#mounted.delete(directory)
    try {
      run('umount', directory)
    } catch {
      // Something still holds it for a moment: it goes when that ends.
      run('umount', '-l', directory)
    }
  }
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
