import { useSignal } from '@preact/signals'
import type { Role } from '../../../../lib/core/model/role.js'
import type { FolderDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { refresh } from '../../state.js'
import { Action } from '../../ui/Action.js'

const ROLES: readonly { readonly role: Role; readonly name: string; readonly does: string }[] = [
  { role: 'mirror', name: 'Mirror', does: 'takes over what others change, and tells them what changes here' },
  {
    role: 'append-only',
    name: 'Append only',
    does: 'as a mirror, but removes nothing because of others, and keeps for good what they replace'
  },
  {
    role: 'receive-only',
    name: 'Receive only',
    does: 'takes over what others change; what changes here stays here, and can be undone'
  },
  { role: 'send-only', name: 'Send only', does: 'tells others what changes here, and takes nothing over' }
]

/** What this device does in the folder, and what it keeps. */
export function RoleSection({ folder }: { readonly folder: FolderDocument }) {
  const current = folder.role ?? 'mirror'
  const chosen = useSignal<Role>(current)
  const save = async (): Promise<void> => {
    await api.changeFolder(folder.id, { role: chosen.value })
    await refresh()
  }
  const readsAnew = chosen.value !== current && [chosen.value, current].includes('receive-only')
  return (
    <>
      <h2>What this device does</h2>
      <fieldset>
        <legend>Each device has a role of its own; the others do not notice.</legend>
        {ROLES.map(({ role, name, does }) => (
          <label key={role}>
            <input
              type="radio"
              name="role"
              checked={chosen.value === role}
              disabled={folder.access === 'read' && role === 'send-only'}
              onChange={() => (chosen.value = role)}
            />
            <strong>{name}</strong>: {does}
          </label>
        ))}
      </fieldset>
      {readsAnew && <p>All files are read once for it. What was changed by hand is kept as versions.</p>}
      <Action onact={save} disabled={chosen.value === current || folder.paused === true}>
        Change the role
      </Action>
      <KeepLocal folder={folder} />
    </>
  )
}

function KeepLocal({ folder }: { readonly folder: FolderDocument }) {
  const isOn = folder.keepLocal === true
  const turn = async (): Promise<void> => {
    await api.changeFolder(folder.id, { keepLocal: !isOn })
    await refresh()
  }
  return (
    <>
      <h2>Versions of what is edited here</h2>
      <p>
        {isOn
          ? 'This device keeps what is edited or deleted on it as well, with a copy of everything that stands in the folder.'
          : 'What is edited or deleted on this device is kept by the other devices that had it. It can be kept here as well: with a copy of everything, which takes no room on disks that can share blocks.'}
      </p>
      <Action onact={turn} disabled={folder.paused === true}>
        {isOn ? 'Keep it no longer' : 'Keep it here as well'}
      </Action>
    </>
  )
}
