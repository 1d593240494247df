import { nameOf, type RelativePath } from '../core/model/path.js'
import type { Listed } from './disk.js'
import { buffersOfStamps, putStamp, stampAt, stampTable, type StampTable } from './stamp-table.js'

type Look = Listed | 'unknown' | undefined

/** What stands at many paths, on its way between threads. */
export interface PackedLooks {
  /** For each path what of the following there is. */
  readonly kinds: Uint8Array<ArrayBuffer>
  /** Of what stands at a path and is no symlink. */
  readonly stamps: StampTable
  readonly symlinks: readonly Listed[]
}

const NOTHING = 0
const UNKNOWN = 1
const STAMP = 2
const SYMLINK = 3

export function packLooks(looks: readonly Look[]): PackedLooks {
  const kinds = new Uint8Array(looks.length)
  const stamps = stampTable(looks.length)
  const symlinks: Listed[] = []
  let next = 0
  looks.forEach((look, i) => {
    if (look === undefined) kinds[i] = NOTHING
    else if (look === 'unknown') kinds[i] = UNKNOWN
    else if (look.target === undefined) {
      kinds[i] = STAMP
      putStamp(stamps, next++, look.stamp)
    } else {
      kinds[i] = SYMLINK
      symlinks.push(look)
    }
  })
  return { kinds, stamps, symlinks }
}

/** What is handed over instead of being copied. */
export function buffersOfLooks({ kinds, stamps }: PackedLooks): ArrayBuffer[] {
  return [kinds.buffer, ...buffersOfStamps(stamps)]
}

/** What was packed of these paths. */
export function unpackLooks(paths: readonly RelativePath[], { kinds, stamps, symlinks }: PackedLooks): Look[] {
  let next = 0
  let symlink = 0
  return paths.map((path, i) => {
    const kind = kinds[i]
    if (kind === STAMP) return { name: nameOf(path), stamp: stampAt(stamps, next++) }
    if (kind === SYMLINK) return symlinks[symlink++]
    return kind === UNKNOWN ? 'unknown' : undefined
  })
}
