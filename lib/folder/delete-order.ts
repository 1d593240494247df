import type { Observed } from '../core/engine/observe.js'
import { comparePaths, type RelativePath } from '../core/model/path.js'
import { isLive, payloadOf } from '../core/model/record.js'
import type { Store } from '../store/store.js'

interface Seen {
  readonly path: RelativePath
  readonly observed: Observed
}

/**
 * Observations in an order in which they may be committed in several parts: what is new first, then what is gone, children ahead of their directories.
 * The directories that are gone, but of which something is still taken to be there, are `early`: it must be found gone as well, or it would never be looked
 * for again, as nobody lists what is in a directory that is no more. What is ignored is not looked for anyway.
 */
export function inOrder<T extends Seen>(
  store: Pick<Store, 'get' | 'children'>,
  observations: readonly T[],
  isIgnored: (path: RelativePath, isDirectory: boolean) => boolean
): { readonly sure: readonly T[]; readonly early: readonly RelativePath[] } {
  const isGone = ({ observed }: T): boolean => observed.kind === 'absent'
  const gone = observations.filter(isGone).sort((a, b) => comparePaths(b.path, a.path))
  if (gone.length === 0) return { sure: observations, early: [] }
  const going = new Set<RelativePath>()
  const early: RelativePath[] = []
  const sure = observations.filter(one => !isGone(one))
  for (const one of gone) {
    if (holdsAnything(store, one.path, child => going.has(child.path) || isIgnored(child.path, child.isDirectory)))
      early.push(one.path)
    else {
      going.add(one.path)
      sure.push(one)
    }
  }
  return { sure, early }
}

interface Child {
  readonly path: RelativePath
  readonly isDirectory: boolean
}

/** True for a directory in which the index has something on this disk that may not go with it. */
function holdsAnything(
  store: Pick<Store, 'get' | 'children'>,
  directory: RelativePath,
  mayGo: (child: Child) => boolean
): boolean {
  const entry = store.get(directory)
  if (entry === undefined || payloadOf(entry.record).kind !== 'directory') return false
  for (const [path, { stamp, record }] of store.children(directory))
    if (stamp !== undefined && isLive(record) && !mayGo({ path, isDirectory: payloadOf(record).kind === 'directory' }))
      return true
  return false
}
