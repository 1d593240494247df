import fc from 'fast-check'
import type { RelativePath } from '../../lib/core/model/path.js'
import { keyOf, levelOf } from '../../lib/core/tree/key.js'
import { path } from './record.js'

/** `count` paths whose level is `level`, in ten directories. */
export function pathsOfLevel(level: number, count: number): RelativePath[] {
  const found: RelativePath[] = []
  for (let i = 0; found.length < count; i++) {
    const candidate = path(`${i % 10}/name ${i}`)
    if (levelOf(keyOf(candidate)) === level) found.push(candidate)
  }
  return found
}

/** A few dozen paths of which many end nodes, some of high ones: small sets of them make high trees of odd shapes. */
export const oddPaths: readonly RelativePath[] = [
  ...pathsOfLevel(0, 25),
  ...pathsOfLevel(1, 12),
  ...pathsOfLevel(2, 6),
  ...pathsOfLevel(3, 2)
]

/** One of `paths`. */
export function oneOf(paths: readonly RelativePath[]): fc.Arbitrary<RelativePath> {
  return fc.nat(paths.length - 1).map(i => paths[i]!)
}
