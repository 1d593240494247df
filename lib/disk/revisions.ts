import { joinPath, NAME_BYTES_MAX, nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { letterOf, timeText } from './kept-ids.js'
import { codeOf } from './problem.js'
import type { Directories } from './walk.js'

/** What naming a revision takes. */
export interface RevisionNaming {
  /** Wall time, milliseconds since 1970. */
  readonly nowMs: number
  /** Random bytes: they tell revisions of one second apart. */
  readonly bytes: (length: number) => Uint8Array
}

const RANDOM_LETTERS = 6
/** An ending that is longer is no ending: `name.tar.gz` has `.gz`, `a sentence. And another one` has none. */
const ENDING_BYTES_MAX = 20
const NAME_TRIES = 8

/** Where under `recovered` something goes whose directories can't be made in the revisions. */
export const RECOVERED_NAME = 'recovered'

/**
 * The name of a revision of `name`: `STEM~YYYYMMDD-HHMMSS~RANDOM.EXT`, in UTC. The stem is cut where the whole would be longer
 * than a name may be.
 */
export function revisionName(name: string, naming: RevisionNaming): string {
  const random = Array.from(naming.bytes(RANDOM_LETTERS), letterOf).join('')
  const [stem, ending] = splitName(name)
  const suffix = `~${timeText(naming.nowMs)}~${random}${ending}`
  return `${cutToBytes(stem, NAME_BYTES_MAX - Buffer.byteLength(suffix))}${suffix}`
}

/** The name and the time that a revision's name tells, or undefined where it is no revision's. */
export function parseRevisionName(stored: string): { readonly name: string; readonly atMs: number } | undefined {
  const found = /^(.*)~(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)~[a-z2-7]{6}(\.[^.]*)?$/su.exec(stored)
  if (found === null) return undefined
  const [, stem = '', year, month, day, hour, minute, second, ending = ''] = found
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(atMs) ? undefined : { name: stem + ending, atMs }
}

/** What tells a revision from others of its path: `YYYYMMDD-HHMMSS-RANDOM`. Empty where `storedAt` is no revision's name. */
export function idOfRevision(storedAt: RelativePath): string {
  const found = /~(\d{8}-\d{6})~([a-z2-7]{6})(\.[^.]*)?$/su.exec(nameOf(storedAt))
  return found === null ? '' : `${found[1] ?? ''}-${found[2] ?? ''}`
}

function splitName(name: string): readonly [stem: string, ending: string] {
  const dot = name.lastIndexOf('.')
  if (dot <= 0 || Buffer.byteLength(name.slice(dot)) > ENDING_BYTES_MAX) return [name, '']
  return [name.slice(0, dot), name.slice(dot)]
}

/** The longest beginning of `text` that has at most `maximum` bytes in UTF-8 and ends between two code points. */
function cutToBytes(text: string, maximum: number): string {
  let bytes = 0
  let units = 0
  for (const point of text) {
    bytes += Buffer.byteLength(point)
    if (bytes > maximum) return text.slice(0, units)
    units += point.length
  }
  return text
}

/**
 * Moves what stands at `from` into the revisions of `path`, whose directories are made. Where they can't be (a file stands in
 * their place, the names are too long), it goes to `recovered`. Returns where it lies. Throws the system's error (ENOSPC …):
 * it stands where it stood then.
 */
export function keepRevision(
  fs: FileSystem,
  revisions: Directories,
  from: { readonly directory: DirectoryHandle; readonly name: string },
  path: RelativePath,
  naming: RevisionNaming
): RelativePath {
  const parent = prepareRevision(revisions, path)
  const directory = revisions.open(parent)
  for (let tries = 1; ; tries++) {
    const name = revisionName(nameOf(path), naming)
    try {
      fs.renameNoReplace(from.directory, from.name, directory, name)
      revisions.markChanged(parent)
      return joinPath(parent, name)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || tries === NAME_TRIES) throw error
    }
  }
}

/** Makes the directories that a revision of `path` needs, before anything is moved. Returns the one that it will lie in. */
export function prepareRevision(revisions: Directories, path: RelativePath): RelativePath | undefined {
  const parent = parentOf(path)
  try {
    revisions.make(parent)
    return parent
  } catch (error) {
    if (!['ENOTDIR', 'ENOENT', 'ENAMETOOLONG', 'EACCES'].includes(codeOf(error) ?? '')) throw error
  }
  const recovered = RECOVERED_NAME as RelativePath
  revisions.make(recovered)
  return recovered
}

/** The path as the name of its revisions tells it: a long name is cut. */
export function toldPath(path: RelativePath): RelativePath {
  const sample = revisionName(nameOf(path), { nowMs: 0, bytes: length => new Uint8Array(length) })
  return joinPath(parentOf(path), parseRevisionName(sample)?.name ?? nameOf(path))
}
