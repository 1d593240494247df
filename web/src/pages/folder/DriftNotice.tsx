import { useSignal } from '@preact/signals'
import type { FolderDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { count, safeName } from '../../format.js'
import { refresh } from '../../state.js'
import { Action } from '../../ui/Action.js'
import { Dialog } from '../../ui/Dialog.js'

/** What was changed by hand on a device that does not send its changes; nothing where nothing was. */
export function DriftNotice({ folder }: { readonly folder: FolderDocument }) {
  const isAsking = useSignal(false)
  const { drift } = folder
  if (drift === undefined || drift.count === 0) return null
  return (
    <section class="notice" aria-label="Changed by hand">
      <h2>{count(drift.count, 'item')} changed here by hand</h2>
      <p>This device does not send its changes: other devices don't have these.</p>
      <Paths paths={drift.sample} total={drift.count} />
      <button type="button" class="secondary" onClick={() => (isAsking.value = true)}>
        Undo them …
      </button>
      {isAsking.value && <RevertDialog folder={folder} onclose={() => (isAsking.value = false)} />}
    </section>
  )
}

function RevertDialog({ folder, onclose }: { readonly folder: FolderDocument; readonly onclose: () => void }) {
  const { count: total, sample } = folder.drift ?? { count: 0, sample: [] }
  const revert = async (): Promise<void> => {
    await api.revertDrift(folder.id)
    await refresh()
    onclose()
  }
  return (
    <Dialog
      title={`Undo what was changed in ${safeName(folder.name)}?`}
      onclose={onclose}
      actions={
        <>
          <button type="button" class="secondary" onClick={onclose}>
            Leave it
          </button>
          <Action onact={revert} kind="primary">
            Undo {count(total, 'change')}
          </Action>
        </>
      }
    >
      <p>These items will stand as the other devices have them. What stands here now is kept as a version.</p>
      <Paths paths={sample} total={total} />
    </Dialog>
  )
}

function Paths({ paths, total }: { readonly paths: readonly string[]; readonly total: number }) {
  return (
    <>
      <ul class="plain">
        {paths.map(path => (
          <li key={path} class="path">
            {safeName(path)}
          </li>
        ))}
      </ul>
      {paths.length < total && <p>… and {count(total - paths.length, 'other')}.</p>}
    </>
  )
}
