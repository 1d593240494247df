import type { FolderDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { count, safeName } from '../../format.js'
import { Action } from '../../ui/Action.js'

/** Deletes of so many files that somebody must say whether they are meant; nothing where there are none. */
export function HeldDeletes({ folder }: { readonly folder: FolderDocument }) {
  const held = folder.heldDeletes
  if (held === undefined) return null
  const { local, remote, restoring, sample } = held
  return (
    <section class="notice" aria-label="Held deletes">
      <h2>Many files were deleted at once</h2>
      {local > 0 && <p>{count(local, 'item')} that other devices still have are gone from this disk.</p>}
      {remote > 0 && <p>Other devices deleted {count(remote, 'item')} that still stand here.</p>}
      {restoring > 0 && <p>{count(restoring, 'item')} come back from the devices that have them.</p>}
      <ul class="plain">
        {sample.map(path => (
          <li key={path} class="path">
            {safeName(path)}
          </li>
        ))}
      </ul>
      {local + remote > 0 && (
        <div class="buttons">
          <Action kind="primary" onact={() => api.decideDeletes(folder.id, 'reject')}>
            Bring everything back
          </Action>
          <Action onact={() => api.decideDeletes(folder.id, 'accept')}>Delete everywhere</Action>
        </div>
      )}
      <small>Nothing is deleted on other devices until this is decided. Everything else goes on syncing.</small>
    </section>
  )
}
