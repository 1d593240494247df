import { useSignal } from '@preact/signals'
import type { FolderDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { safeName } from '../../format.js'
import { goTo } from '../../route.js'
import { refresh } from '../../state.js'
import { Action } from '../../ui/Action.js'
import { Dialog } from '../../ui/Dialog.js'
import { RoleSection } from './RoleSection.js'
import { VerifySection } from './VerifySection.js'

/** The folder's name, pausing it, what this device does in it, verifying, and leaving it. */
export function ManageTab({ folder }: { readonly folder: FolderDocument }) {
  const name = useSignal(folder.name)
  const isLeaving = useSignal(false)
  const rename = async (): Promise<void> => {
    await api.changeFolder(folder.id, { name: name.value.trim() })
    await refresh()
  }
  const setPaused = async (): Promise<void> => {
    await api.changeFolder(folder.id, { paused: folder.paused !== true })
    await refresh()
  }
  return (
    <div class="narrow">
      <label>
        Name on this device
        <input
          name="name"
          maxLength={64}
          value={name.value}
          onInput={event => (name.value = event.currentTarget.value)}
        />
      </label>
      <Action onact={rename} disabled={name.value.trim() === '' || name.value.trim() === folder.name}>
        Rename
      </Action>
      <h2>{folder.paused === true ? 'Paused' : 'Pause'}</h2>
      <p>While it is paused, nothing is sent, fetched or changed here. Changes are found when it goes on.</p>
      <Action onact={setPaused}>{folder.paused === true ? 'Resume' : 'Pause'}</Action>
      <RoleSection folder={folder} />
      <VerifySection folder={folder} />
      <h2>Leave</h2>
      <p>This device stops taking part. Its files stay where they are, and other devices keep theirs.</p>
      <button type="button" class="secondary" onClick={() => (isLeaving.value = true)}>
        Leave this folder …
      </button>
      {isLeaving.value && <LeaveDialog folder={folder} onclose={() => (isLeaving.value = false)} />}
    </div>
  )
}

function LeaveDialog({ folder, onclose }: { readonly folder: FolderDocument; readonly onclose: () => void }) {
  const leave = async (): Promise<void> => {
    await api.leaveFolder(folder.id)
    await refresh()
    goTo()
  }
  return (
    <Dialog
      title={`Leave ${safeName(folder.name)}?`}
      onclose={onclose}
      actions={
        <>
          <button type="button" class="secondary" onClick={onclose}>
            Stay
          </button>
          <Action onact={leave} kind="primary">
            Leave
          </Action>
        </>
      }
    >
      <p>
        The files in <span class="path">{safeName(folder.path)}</span> stay. To come back you need the folder's key:
        keep it, if no other device has it.
      </p>
    </Dialog>
  )
}
