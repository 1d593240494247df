import { hashKey, hashBytes } from '../../lib/core/model/hash.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import type { Record } from '../../lib/core/model/record.js'
import type { Stamp } from '../../lib/core/model/stamp.js'
import { updateTree } from '../../lib/core/tree/update.js'
import type { EntryChange, Store } from '../../lib/store/store.js'

/** How a file may have looked on the disk. */
export const STAMP: Stamp = {
  kind: 'file',
  device: 66n,
  inode: 2n ** 63n + 5n,
  mtimeNs: -1n,
  ctimeNs: 1_700_000_000_123_456_789n,
  size: 5,
  mode: 0o644
}

/** Commits records (undefined: forgets the path) with the tree that they make. */
export async function commitRecords(
  store: Store,
  records: ReadonlyMap<RelativePath, Record | undefined>,
  lists: readonly Uint8Array[] = []
): Promise<void> {
  const entries = [...records].map(([path, record]): EntryChange => ({
    path,
    entry: record === undefined ? undefined : { record, stamp: STAMP }
  }))
  const { root, nodes } = updateTree(hash => store.node(hash), store.root, records)
  await store.commit({
    entries,
    root,
    lacks: store.lacks,
    nodes,
    chunkLists: new Map(lists.map(list => [hashKey(hashBytes(list)), list]))
  })
}
