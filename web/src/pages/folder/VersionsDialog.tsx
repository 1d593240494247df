import { useSignal } from '@preact/signals'
import type { FolderDocument, RestoredDocument, RevisionDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { bytes, count, moment, safeName } from '../../format.js'
import { Action } from '../../ui/Action.js'
import { Dialog } from '../../ui/Dialog.js'
import { Loading, useLoaded } from '../../ui/Loading.js'

interface VersionsProps {
  readonly folder: FolderDocument
  readonly path: string
  readonly onclose: () => void
}

/** The kept versions of a file, or of what stood in a directory, each with a button that brings it back. */
export function VersionsDialog({ folder, path, onclose }: VersionsProps) {
  const loaded = useLoaded(() => api.revisions(folder.id, path), `${folder.id} ${path}`)
  return (
    <Dialog title={`Kept versions of ${safeName(path)}`} onclose={onclose}>
      <Loading loaded={loaded}>
        {({ revisions }) =>
          revisions.length === 0 ? (
            <p>None yet. Whatever another device replaces or deletes is kept here.</p>
          ) : (
            <ul class="rows">
              {revisions.map(revision => (
                <VersionRow key={revision.id} folder={folder} revision={revision} />
              ))}
            </ul>
          )
        }
      </Loading>
      <small>What stands there now is kept as well when an older version comes back.</small>
    </Dialog>
  )
}

function VersionRow({ folder, revision }: { readonly folder: FolderDocument; readonly revision: RevisionDocument }) {
  const done = useSignal<RestoredDocument | undefined>(undefined)
  const restore = async (): Promise<void> => {
    done.value = await api.restore(folder.id, { paths: [revision.path], revision: revision.id })
  }
  return (
    <li>
      <strong class="path">{safeName(revision.path)}</strong>
      <span>
        {revision.kind === 'symlink' ? 'a link' : bytes(revision.size)}, until {moment(revision.at)}
      </span>
      {done.value === undefined ? (
        <Action onact={restore} label={`Bring back ${safeName(revision.path)} as it was until ${moment(revision.at)}`}>
          Bring back
        </Action>
      ) : (
        <span role="status">{outcomeOf(done.value)}</span>
      )}
    </li>
  )
}

/** What a restore did, as a sentence. */
export function outcomeOf({ restored, unchanged, failed }: RestoredDocument): string {
  const [first] = failed
  if (first !== undefined) return `${safeName(first.path)}: ${safeName(first.message)}`
  return restored === 0 && unchanged > 0 ? 'stands there already' : `${count(restored, 'item')} brought back`
}
