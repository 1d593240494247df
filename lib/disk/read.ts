import { nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import type { Extent } from './disk.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { codeOf } from './problem.js'
import { MissingDirectory, withDirectory } from './walk.js'

/** From how many bytes on a piece has a buffer of its own, so that it can be let go of alone. */
const LARGE_BYTES = 16 * 1024

/**
 * What lies in the files at these extents, in order; shorter where a file ends, undefined where it is gone or can't be read. Nothing is
 * verified. Small pieces are views of one buffer, which holds nothing else; a large one has a buffer of its own. Each directory is opened once.
 */
export function readExtents(
  fs: FileSystem,
  root: DirectoryHandle,
  extents: readonly Extent[]
): (Uint8Array | undefined)[] {
  const pieces = new Array<Uint8Array | undefined>(extents.length).fill(undefined)
  const isSmall = ({ length }: Extent): boolean => length < LARGE_BYTES
  const buffer = Buffer.allocUnsafeSlow(extents.filter(isSmall).reduce((sum, { length }) => sum + length, 0))
  let used = 0
  for (const [parent, members] of byDirectory(extents)) {
    ifReadable(() =>
      withDirectory(fs, root, parent, directory => {
        for (const [i, extent] of members) {
          const { path, offset, length } = extent
          const into = isSmall(extent) ? buffer.subarray(used, used + length) : Buffer.allocUnsafeSlow(length)
          pieces[i] = ifReadable(() => readName(fs, directory, nameOf(path), offset, into))
          if (isSmall(extent)) used += pieces[i]?.byteLength ?? 0
        }
      })
    )
  }
  return pieces
}

function byDirectory(extents: readonly Extent[]): Map<RelativePath | undefined, [number, Extent][]> {
  const groups = new Map<RelativePath | undefined, [number, Extent][]>()
  extents.forEach((extent, i) => {
    const parent = parentOf(extent.path)
    const group = groups.get(parent)
    if (group === undefined) groups.set(parent, [[i, extent]])
    else group.push([i, extent])
  })
  return groups
}

/** What `read` gives; undefined where the system says that it can't be had. */
function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof MissingDirectory || codeOf(error) !== undefined) return undefined
    throw error
  }
}

function readName(
  fs: FileSystem,
  parent: DirectoryHandle,
  name: string,
  offset: number,
  into: Uint8Array
): Uint8Array | undefined {
  if (fs.lstat(parent, name)?.kind !== 'file') return undefined
  const file = fs.openRead(parent, name)
  try {
    let done = 0
    for (let read = -1; read !== 0 && done < into.byteLength; done += read)
      read = fs.read(file, into, done, into.byteLength - done, offset + done)
    return into.subarray(0, done)
  } finally {
    fs.close(file)
  }
}
