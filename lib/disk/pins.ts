import { isKeptId } from '../core/model/snapshot.js'
import { joinPath, type RelativePath } from '../core/model/path.js'
import { namesIn, NewFiles, removeFile, type HistoryPlace } from './history-files.js'
import type { PinnedFor } from './kept.js'

/**
 * Where the history notes what is to stay whatever the rule says: an empty file for each, under the id of a revision or of a snapshot. Those of
 * snapshots that their makers, other devices, want to stay have an ending.
 */
const PINS = 'pins' as RelativePath
const MAKER_ENDING = '.maker'

/** The ids of all that is pinned. */
export function pinnedIds(place: HistoryPlace, whom: PinnedFor = 'user'): ReadonlySet<string> {
  const names = namesIn(place.fs, place.files, PINS)
  const ending = endingFor(whom)
  return new Set(
    names
      .filter(name => name.endsWith(ending))
      .map(name => name.slice(0, name.length - ending.length))
      .filter(isKeptId)
  )
}

/** Pins a revision or a snapshot, or takes its pin away. Durable when it returns. */
export function pin(place: HistoryPlace, id: string, isPinned: boolean, whom: PinnedFor = 'user'): void {
  const path = joinPath(PINS, `${id}${endingFor(whom)}`)
  if (!isPinned) {
    if (removeFile(place, path)) place.files.sync()
    return
  }
  NewFiles.use(place, files => {
    files.add(path, new Uint8Array(0))
    files.settle()
  })
}

function endingFor(whom: PinnedFor): string {
  return whom === 'maker' ? MAKER_ENDING : ''
}
