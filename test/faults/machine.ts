import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import type { Scope } from '../make/backers.js'

/** Mounts a file system in memory at `directory`, made where it is missing; it goes with the test. `options`: as `mount -o` has them. */
export function mountTmpfs(t: Scope, directory: string, options: string): void {
  mkdirSync(directory, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
  t.teardown(() => unmount(directory), { order: 90 })
}

/** Unmounts what is mounted there, if anything still is: something may hold it for a moment. */
export function unmount(directory: string): void {
  try {
    execFileSync('umount', ['-l', directory], { stdio: 'ignore' })
  } catch {
    // It is not mounted any more.
  }
}

/** What differs between two trees, by rsync's reckoning: content by checksum, names, kinds, modes and times; without what is backer's own. */
export function differences(a: string, b: string): string[] {
  // Times of directories are no data of a folder.
  const rules = [
    '-ainc',
    '--checksum',
    '--delete',
    '--omit-dir-times',
    '--no-owner',
    '--no-group',
    '--exclude=/.backer'
  ]
  const output = execFileSync('rsync', [...rules, `${a}/`, `${b}/`], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return output.split('\n').filter(line => line !== '' && !line.endsWith(' ./'))
}
