import type { FileSystem } from '../../lib/disk/filesystem.js'

/** The calls that change something on the disk. */
export const CHANGING: ReadonlySet<string> = new Set([
  'create',
  'write',
  'truncate',
  'copyRange',
  'clone',
  'setFileMetadata',
  'setMetadata',
  'mkdir',
  'rmdir',
  'unlink',
  'symlink',
  'exchange',
  'renameNoReplace'
])

/** Thrown in the place of a call that the process did not live to make. It has no `code`: nothing may handle it. */
export class Killed extends Error {}

/** A file system that calls `before` ahead of each call, with its name, number and arguments. What that throws, the call throws. */
export function watched(
  fs: FileSystem,
  before: (call: string, number: number, values: readonly unknown[]) => void
): FileSystem {
  let number = 0
  return new Proxy(fs, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      return (...values: unknown[]): unknown => {
        const call = String(property)
        if (call !== 'close' && call !== 'closeDirectory') before(call, number++, values)
        return Reflect.apply(value, target, values)
      }
    }
  })
}

/** A file system whose process is killed ahead of its `last + 1`-th changing call. `wasKilled` tells whether it came to that. */
export function killedAfter(
  fs: FileSystem,
  last: number
): { readonly fs: FileSystem; readonly wasKilled: () => boolean } {
  let changes = 0
  let killed = false
  const wrapped = watched(fs, call => {
    if (CHANGING.has(call) && changes++ >= last) killed = true
    if (killed) throw new Killed(`killed ahead of ${call}`)
  })
  return { fs: wrapped, wasKilled: () => killed }
}

/** An error as the system throws it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code })
}
