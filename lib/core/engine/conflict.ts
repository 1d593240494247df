import { encodeWith } from '../codec.js'
import { hashAll, hashKey, hashBytes } from '../model/hash.js'
import { joinPath, nameOf, NAME_BYTES_MAX, parentOf, type RelativePath } from '../model/path.js'
import { payloadCodec, sameContent, type Payload, type Record, type Version } from '../model/record.js'
import { compareDots, joinVectors, replicaFromBytes, type ReplicaId, type VersionVector } from '../model/version.js'

/** What the name of a conflict copy has before its extension. */
export const CONFLICT_MARK = / \(conflict [0-9a-f]{8}\)(?=(\.[^./]*)?$)/
const TAG_LENGTH = 8

/** True where a version that lost to `winner` has something to keep. */
export function deservesCopy(loser: Payload, winner: Payload): boolean {
  return (loser.kind === 'file' || loser.kind === 'symlink') && !sameContent(loser, winner)
}

/**
 * Where the losing version of `path` is kept: `report (conflict 1a2b3c4d).txt`, named by the version's own content, so
 * that every device makes the same copy. A copy that itself gets into a conflict is not marked twice.
 */
export function conflictPath(path: RelativePath, loser: Payload): RelativePath {
  const name = nameOf(path).replace(CONFLICT_MARK, '')
  const dot = name.lastIndexOf('.')
  const stem = dot > 0 ? name.slice(0, dot) : name
  const extension = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : ''
  const tail = ` (conflict ${tagOf(loser)})${extension}`
  const whole = extension === '' ? name : stem
  return joinPath(parentOf(path), cutToBytes(whole, NAME_BYTES_MAX - Buffer.byteLength(tail)) + tail)
}

/** The path that a conflict copy stands beside. */
export function originalOf(copy: RelativePath): RelativePath {
  return joinPath(parentOf(copy), nameOf(copy).replace(CONFLICT_MARK, ''))
}

/** The record of a conflict copy: the losing version itself, under its new name, the same on every device. */
export function conflictRecord({ dots: lost, payload }: Version): Record {
  const dots = lost.map(({ replica, counter }) => ({ replica: copyReplica(replica, payload), counter }))
  const context = dots.reduce<VersionVector>((seen, dot) => joinVectors(seen, [dot]), [])
  return { context, versions: [{ dots: dots.sort(compareDots), payload }] }
}

/**
 * The name of `replica` in the record of a conflict copy of a version that it wrote. Its own name counts what it writes at the copy's path, which may
 * have come to the same number: one of two versions with one name would be lost.
 */
function copyReplica(replica: ReplicaId, payload: Payload): ReplicaId {
  const parts = [
    Buffer.from('backer conflict copy v1\0'),
    Buffer.from(replica, 'hex'),
    encodeWith(payloadCodec, payload)
  ]
  return replicaFromBytes(hashAll(parts))
}

/** How often a version may have become a conflict copy, and still be known for whose it is. */
const COPIES_MAX = 3

/** True where `replica` wrote a version, at its path or at that of which it is a conflict copy. */
export function isWrittenBy({ dots, payload }: Version, replica: ReplicaId): boolean {
  let name = replica
  for (let copies = 0; copies <= COPIES_MAX; copies++) {
    if (dots.some(dot => dot.replica === name)) return true
    name = copyReplica(name, payload)
  }
  return false
}

function tagOf(payload: Payload): string {
  if (payload.kind === 'file') return hashKey(payload.content.root).slice(0, TAG_LENGTH)
  const text = payload.kind === 'symlink' ? payload.target : payload.kind
  return hashKey(hashBytes(Buffer.from(text))).slice(0, TAG_LENGTH)
}

/** The longest beginning of `text` that has at most `maximum` bytes in UTF-8. */
function cutToBytes(text: string, maximum: number): string {
  let cut = ''
  let bytes = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > maximum) break
    cut += character
  }
  return cut
}
