import type { FolderDocument } from '../api/documents.js'
import { stateOf } from '../words.js'

/** A folder's state. */
export function Badge({ folder }: { readonly folder: FolderDocument }) {
  const { word, tone } = stateOf(folder)
  return <span class={`badge ${tone}`}>{word}</span>
}
