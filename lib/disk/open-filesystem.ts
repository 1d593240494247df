import { statSync } from 'node:fs'
import type { FileSystem } from './filesystem.js'
import { loadLibc } from './libc.js'
import { LinuxFileSystem } from './linux.js'
import { PortableFileSystem } from './portable.js'

/**
 * The file system of this machine: by descriptors on 64-bit Linux where `/proc` is mounted, else by paths. Holds
 * nothing open; may be called in every thread.
 */
export function openFileSystem(): FileSystem {
  if (process.platform !== 'linux' || statSync('/proc/self/fd', { throwIfNoEntry: false }) === undefined) {
    return new PortableFileSystem()
  }
  const libc = loadLibc()
  return libc === undefined ? new PortableFileSystem() : new LinuxFileSystem(libc)
}
