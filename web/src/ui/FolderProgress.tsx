import type { FolderDocument } from '../api/documents.js'
import { bytes, rate } from '../format.js'
import { progressOf } from '../words.js'

/** How far a sync has come; nothing where none is going on. */
export function FolderProgress({ folder }: { readonly folder: FolderDocument }) {
  const sentence = progressOf(folder)
  if (sentence === undefined) return null
  const { bytesDone, bytesTotal, bytesPerSecond } = folder.progress
  return (
    <div class="progress">
      <progress value={bytesDone} max={Math.max(1, bytesTotal)} aria-label={`Progress of ${folder.name}`} />
      <small>
        {sentence} · {bytes(bytesDone)} of {bytes(bytesTotal)}
        {bytesPerSecond > 0 && ` · ${rate(bytesPerSecond)}`}
      </small>
    </div>
  )
}
