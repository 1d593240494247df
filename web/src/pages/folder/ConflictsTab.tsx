import type { ConflictDocument, FolderDocument, ItemDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { bytes, moment, safeName } from '../../format.js'
import { itemChanges } from '../../state.js'
import { Action } from '../../ui/Action.js'
import { Loading, useLoaded } from '../../ui/Loading.js'

/** Files that were changed on two devices without either knowing of the other: both versions side by side, and which one is to stay. */
export function ConflictsTab({ folder }: { readonly folder: FolderDocument }) {
  const changes = itemChanges.value.get(folder.id) ?? 0
  const loaded = useLoaded(() => api.conflicts(folder.id), `${folder.id} ${String(changes)}`)
  return (
    <Loading loaded={loaded}>
      {({ conflicts }) =>
        conflicts.length === 0 ? (
          <p>
            No conflicts. When a file is changed on two devices at the same time, both versions are kept and listed
            here.
          </p>
        ) : (
          <ul class="cards wide">
            {conflicts.map(conflict => (
              <li key={conflict.copy}>
                <ConflictCard folder={folder} conflict={conflict} onresolved={loaded.reload} />
              </li>
            ))}
          </ul>
        )
      }
    </Loading>
  )
}

interface ConflictCardProps {
  readonly folder: FolderDocument
  readonly conflict: ConflictDocument
  readonly onresolved: () => void
}

function ConflictCard({ folder, conflict, onresolved }: ConflictCardProps) {
  const { path, copy, original, other } = conflict
  const resolve = (keep: 'original' | 'copy' | 'both') => async (): Promise<void> => {
    await api.resolveConflict(folder.id, copy, keep)
    onresolved()
  }
  return (
    <article class="card">
      <h2 class="path">{safeName(path)}</h2>
      <div class="sides">
        <Side folder={folder} title="The version that stands there" path={path} side={original} />
        <Side folder={folder} title="The other version" path={copy} side={other} />
      </div>
      <footer>
        <Action onact={resolve('original')}>Keep the first</Action>
        <Action onact={resolve('copy')}>Keep the second</Action>
        <Action onact={resolve('both')}>Keep both</Action>
        <small>What is not kept goes to the revisions: nothing is lost.</small>
      </footer>
    </article>
  )
}

interface SideProps {
  readonly folder: FolderDocument
  readonly title: string
  readonly path: string
  readonly side: ItemDocument | undefined
}

function Side({ folder, title, path, side }: SideProps) {
  const loaded = useLoaded(() => api.content(folder.id, path), path)
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <p class="path">{safeName(path)}</p>
      {side !== undefined && (
        <p>
          {bytes(side.size)}
          {side.mtime !== undefined && `, ${moment(side.mtime)}`}
        </p>
      )}
      <Loading loaded={loaded}>{content => <pre tabIndex={0}>{content}</pre>}</Loading>
    </section>
  )
}
