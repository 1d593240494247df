import { joinPath, type RelativePath } from '../core/model/path.js'
import { checkGroup, chunkLengths, mendHistory } from './check-history.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { holdFiles, keepHeld } from './hold.js'
import { removeFile, withHistory, type HistoryPlace } from './history-files.js'
import { listRevisions, readChunk, readChunkList } from './history-list.js'
import { sweepHistory } from './history-sweep.js'
import { addNodes, childrenIn, differencesOf, itemAt, itemsBelow, lackingNodes, readNode } from './history-tree.js'
import type { HistoryOperations } from './kept.js'
import { pin } from './pins.js'
import { MANIFESTS, packRevisions } from './pack-revisions.js'
import { openOwn } from './own.js'
import { idOfRevision } from './revisions.js'
import { dropSnapshots, keepSnapshot, listSnapshots } from './snapshot-files.js'

/** The operations on the history of the folder whose open root is `root`. */
export function historyOf(fs: FileSystem, root: DirectoryHandle): HistoryOperations {
  const within = <T>(work: (place: HistoryPlace) => T): T => withHistory(fs, root, work)
  return {
    pack: after => within(place => packRevisions(place, after)),
    list: directory => within(place => listRevisions(place, directory)),
    drop: storedAt => within(place => dropRevisions(place, storedAt)),
    sweep: options => within(place => sweepHistory(place, options)),
    chunk: hash => within(place => readChunk(place, hash)),
    chunkList: hash => within(place => readChunkList(place, hash)),
    snapshots: () => within(listSnapshots),
    keepSnapshot: snapshot => within(place => keepSnapshot(place, snapshot)),
    dropSnapshots: ids => within(place => dropSnapshots(place, ids)),
    pin: (id, isPinned, whom) => within(place => pin(place, id, isPinned, whom)),
    lackingNodes: hashes => within(place => lackingNodes(place, hashes)),
    addNodes: nodes => within(place => addNodes(place, nodes)),
    node: hash => within(place => readNode(place, hash)),
    treeItem: (tree, path) => within(place => itemAt(place, tree, path)),
    treeChildren: range => within(place => childrenIn(place, range)),
    treeBelow: range => within(place => itemsBelow(place, range)),
    treeDifferences: (a, b, limit) => within(place => differencesOf(place, a, b, limit)),
    hold: files => within(place => holdFiles(place, root, files)),
    keepHeld: (replaced, world) => within(place => keepHeld(place, replaced, world)),
    check: group => within(place => checkGroup(place, group)),
    lengths: chunks => within(place => chunkLengths(place, chunks)),
    mend: (mend, nowMs, randomness) =>
      within(place => {
        const own = openOwn(fs, root)
        try {
          mendHistory(place, own, mend, { nowMs, bytes: length => randomness.subarray(0, length) })
        } finally {
          fs.closeDirectory(own)
        }
      })
  }
}

function dropRevisions(place: HistoryPlace, storedAt: readonly RelativePath[]): number {
  let count = 0
  for (const name of storedAt) {
    const isPacked = removeFile(place, joinPath(MANIFESTS, name))
    const isLoose = removeFile({ ...place, files: place.loose }, name)
    if (isPacked || isLoose) count++
  }
  place.files.sync()
  place.loose.sync()
  for (const name of storedAt) pin(place, idOfRevision(name), false)
  return count
}
