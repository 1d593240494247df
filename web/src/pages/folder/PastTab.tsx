import { useSignal } from '@preact/signals'
import type { FolderDocument, PastItemDocument, SnapshotDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { bytes, moment, safeName } from '../../format.js'
import { Action } from '../../ui/Action.js'
import { Crumbs } from '../../ui/Crumbs.js'
import { Loading, useLoaded } from '../../ui/Loading.js'
import { RestoreDialog } from './RestoreDialog.js'

const KINDS: Readonly<Record<SnapshotDocument['kind'], string>> = {
  automatic: 'by itself',
  manual: 'asked for'
}

/** The folder as it was: kept states to look through, and to bring things back from. */
export function PastTab({ folder }: { readonly folder: FolderDocument }) {
  const loaded = useLoaded(() => api.snapshots(folder.id), folder.id)
  const chosen = useSignal<string | undefined>(undefined)
  const keep = async (): Promise<void> => {
    const { id } = await api.createSnapshot(folder.id)
    chosen.value = id
    loaded.reload()
  }
  return (
    <>
      <p>
        The whole folder is kept as it was at these times. What is brought back becomes a new version, and what stands
        there now is kept as well.
      </p>
      <Action onact={keep}>Keep how it is now</Action>
      <Loading loaded={loaded}>
        {({ snapshots }) => {
          const [latest] = snapshots
          const shown = snapshots.find(({ id }) => id === chosen.value) ?? latest
          if (shown === undefined) return <p>Nothing is kept yet: the first state is kept within the hour.</p>
          return (
            <>
              <div class="pair">
                <label>
                  As it was
                  <select value={shown.id} onChange={event => (chosen.value = event.currentTarget.value)}>
                    {snapshots.map(({ id, at, kind, pinned }) => (
                      <option key={id} value={id}>
                        {moment(at)}, {KINDS[kind]}
                        {pinned && ', stays'}
                      </option>
                    ))}
                  </select>
                </label>
                <PinSwitch folder={folder} snapshot={shown} onchanged={loaded.reload} />
              </div>
              <PastFiles folder={folder} snapshot={shown} key={shown.id} />
            </>
          )
        }}
      </Loading>
    </>
  )
}

interface PinSwitchProps {
  readonly folder: FolderDocument
  readonly snapshot: SnapshotDocument
  readonly onchanged: () => void
}

function PinSwitch({ folder, snapshot: { id, pinned }, onchanged }: PinSwitchProps) {
  const pin = async (): Promise<void> => {
    await api.pinSnapshot(folder.id, id, !pinned)
    onchanged()
  }
  return (
    <div>
      <p>{pinned ? 'It stays until it is let go.' : 'It is let go when the rule has enough of its time.'}</p>
      <Action onact={pin}>{pinned ? 'Let the rule decide' : 'Have it stay'}</Action>
    </div>
  )
}

function PastFiles({ folder, snapshot }: { readonly folder: FolderDocument; readonly snapshot: SnapshotDocument }) {
  const directory = useSignal('')
  const wanted = useSignal<string | undefined>(undefined)
  const key = `${folder.id} ${snapshot.id} ${directory.value}`
  const loaded = useLoaded(() => api.pastFiles(folder.id, snapshot.id, directory.value), key)
  const pathOf = (name: string): string => (directory.value === '' ? name : `${directory.value}/${name}`)
  return (
    <>
      <Crumbs name={folder.name} path={directory.value} onopen={path => (directory.value = path)} />
      <Loading loaded={loaded}>
        {({ entries, next }) => (
          <>
            <ul class="rows">
              {entries.map(entry => (
                <PastRow
                  key={entry.name}
                  entry={entry}
                  onopen={() => (directory.value = pathOf(entry.name))}
                  onrestore={() => (wanted.value = pathOf(entry.name))}
                />
              ))}
            </ul>
            {entries.length === 0 && <p>There was nothing here.</p>}
            {next !== undefined && (
              <p>
                There was more here than is shown: <code>backer ls --at</code> lists it all.
              </p>
            )}
          </>
        )}
      </Loading>
      <button type="button" class="secondary" onClick={() => (wanted.value = directory.value)}>
        {directory.value === '' ? 'Bring back the whole folder …' : 'Bring back this directory …'}
      </button>
      {wanted.value !== undefined && (
        <RestoreDialog
          folder={folder}
          path={wanted.value}
          snapshot={snapshot}
          onclose={() => (wanted.value = undefined)}
        />
      )}
    </>
  )
}

interface PastRowProps {
  readonly entry: PastItemDocument
  readonly onopen: () => void
  readonly onrestore: () => void
}

function PastRow({ entry: { name, kind, size, mtime }, onopen, onrestore }: PastRowProps) {
  return (
    <li>
      {kind === 'directory' ? (
        <button type="button" class="link" onClick={onopen}>
          {safeName(name)}/
        </button>
      ) : (
        <strong>{safeName(name)}</strong>
      )}
      <span>
        {kind === 'file' && bytes(size)}
        {mtime !== undefined && kind === 'file' && `, ${moment(mtime)}`}
      </span>
      <small>
        <button type="button" class="link" aria-label={`Bring back ${safeName(name)}`} onClick={onrestore}>
          Bring back …
        </button>
      </small>
    </li>
  )
}
