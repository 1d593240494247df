import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { FolderDocument, HistoryItem } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { moment, safeName } from '../../format.js'
import { itemChanges } from '../../state.js'
import { Action } from '../../ui/Action.js'
import { Failure } from '../../ui/Failure.js'

const ACTIONS = {
  created: 'new',
  changed: 'changed',
  moved: 'moved',
  deleted: 'deleted',
  metadata: 'attributes changed'
} as const

/** Who changed what, when, and on which device. */
export function HistoryTab({ folder }: { readonly folder: FolderDocument }) {
  const items = useSignal<readonly HistoryItem[] | undefined>(undefined)
  const next = useSignal<string | undefined>(undefined)
  const error = useSignal<unknown>(undefined)
  const changes = itemChanges.value.get(folder.id) ?? 0
  const load = async (before: string | undefined): Promise<void> => {
    const answer = await api.history(folder.id, before)
    items.value = before === undefined ? answer.items : [...(items.value ?? []), ...answer.items]
    next.value = answer.next
  }
  useEffect(() => {
    load(undefined).catch((caught: unknown) => (error.value = caught))
  }, [folder.id, changes])
  return (
    <>
      <Failure error={error.value} />
      {items.value === undefined && error.value === undefined && <p aria-busy="true">Loading …</p>}
      {items.value?.length === 0 && <p>Nothing has changed since this device began to note it.</p>}
      <ul class="rows">
        {items.value?.map(item => (
          <li key={`${item.time} ${item.path} ${item.action}`}>
            <strong>{safeName(item.path)}</strong>
            <span>
              {ACTIONS[item.action]}
              {item.from !== undefined && ` from ${safeName(item.from)}`} ·{' '}
              {item.deviceName === undefined
                ? item.origin === 'local'
                  ? 'on this device'
                  : 'by another device'
                : safeName(item.deviceName)}
            </span>
            <small>{moment(item.time)}</small>
          </li>
        ))}
      </ul>
      {next.value !== undefined && <Action onact={() => load(next.value)}>Older changes</Action>}
    </>
  )
}
