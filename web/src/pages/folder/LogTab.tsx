import { useSignal } from '@preact/signals'
import type { FolderDocument, LogEntryDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { bytes, moment, safeName } from '../../format.js'
import { itemChanges } from '../../state.js'
import { Loading, useLoaded } from '../../ui/Loading.js'

const FIRST = 100
const MORE = 1000

/** What happened in the folder: which device changed what, when, and how it came here. */
export function LogTab({ folder }: { readonly folder: FolderDocument }) {
  const path = useSignal('')
  const limit = useSignal(FIRST)
  const changes = itemChanges.value.get(folder.id) ?? 0
  const key = `${folder.id} ${path.value} ${String(limit.value)} ${String(changes)}`
  const loaded = useLoaded(() => api.log(folder.id, path.value, limit.value), key)
  return (
    <>
      <label class="narrow">
        Only of a file or directory
        <input
          type="search"
          placeholder="all of the folder"
          onChange={event => (path.value = event.currentTarget.value.trim())}
        />
      </label>
      <Loading loaded={loaded}>
        {({ entries }) => (
          <>
            {entries.length === 0 && <p>Nothing has happened yet.</p>}
            <ol class="rows">
              {entries.map((entry, i) => (
                <LogRow key={`${entry.time} ${entry.path} ${String(i)}`} entry={entry} />
              ))}
            </ol>
            {entries.length === limit.value && limit.value < MORE && (
              <button type="button" class="secondary" onClick={() => (limit.value = MORE)}>
                Show more
              </button>
            )}
          </>
        )}
      </Loading>
    </>
  )
}

function LogRow({ entry }: { readonly entry: LogEntryDocument }) {
  const { path, action, time, copy, size, deviceName, viaName } = entry
  const by = deviceName === undefined ? '' : ` by ${safeName(deviceName)}`
  const via = viaName === undefined || viaName === deviceName ? '' : `, through ${safeName(viaName)}`
  return (
    <li>
      <strong>{safeName(path)}</strong>
      <span>
        {action}
        {by}
        {via}
        {size !== undefined && action !== 'deleted' && ` · ${bytes(size)}`}
        {copy !== undefined && ` · the other version is ${safeName(copy)}`}
      </span>
      <small>{moment(time)}</small>
    </li>
  )
}
