import { asHash, hashBytes, type Hash } from './hash.js'
import type { RelativePath } from './path.js'

/** Twice as many are kept in mind: those that are under way at once, from the walk that finds them to the commit. */
const KEPT = 2048

let younger = new Map<RelativePath, Hash>()
let older = new Map<RelativePath, Hash>()

/** The hash of a path's UTF-8 bytes. A path that is put down in the index is hashed for its place in the tree, in the index and in `.backer/tmp`: it is done once. */
export function hashOfPath(path: RelativePath): Hash {
  const known = younger.get(path) ?? older.get(path)
  if (known !== undefined) return known
  const hash = asHash(hashBytes(Buffer.from(path)))
  if (younger.size >= KEPT) {
    older = younger
    younger = new Map()
  }
  younger.set(path, hash)
  return hash
}
