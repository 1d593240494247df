import { useSignal } from '@preact/signals'
import type { FolderDocument, RestoredDocument, SnapshotDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { count, moment, safeName } from '../../format.js'
import { Action } from '../../ui/Action.js'
import { Dialog } from '../../ui/Dialog.js'
import { Loading, useLoaded } from '../../ui/Loading.js'

interface RestoreProps {
  readonly folder: FolderDocument
  /** Empty: the whole folder. */
  readonly path: string
  readonly snapshot: SnapshotDocument
  readonly onclose: () => void
}

/** What a restore would do, and then does. */
export function RestoreDialog({ folder, path, snapshot, onclose }: RestoreProps) {
  const done = useSignal<RestoredDocument | undefined>(undefined)
  const what = { paths: [path], at: snapshot.id }
  const plan = useLoaded(() => api.restore(folder.id, { ...what, dryRun: true }), `${snapshot.id} ${path}`)
  const restore = async (): Promise<void> => {
    done.value = await api.restore(folder.id, { ...what, dryRun: false })
  }
  const name = path === '' ? safeName(folder.name) : safeName(path)
  return (
    <Dialog
      title={`Bring back ${name}?`}
      onclose={onclose}
      actions={
        done.value === undefined ? (
          <Action onact={restore} kind="primary" disabled={plan.value.value === undefined}>
            Bring back
          </Action>
        ) : (
          <button type="button" onClick={onclose}>
            Done
          </button>
        )
      }
    >
      {done.value === undefined ? (
        <Loading loaded={plan}>{document => <Plan plan={document} at={snapshot.at} />}</Loading>
      ) : (
        <Outcome done={done.value} />
      )}
    </Dialog>
  )
}

function Plan({ plan: { restored, unchanged, sample }, at }: { readonly plan: RestoredDocument; readonly at: string }) {
  return (
    <>
      <p>
        {count(restored, 'item')} will be as on {moment(at)}; {count(unchanged, 'item')} stand there just so already.
        What came later stays.
      </p>
      <ul class="plain">
        {sample.map(path => (
          <li key={path} class="path">
            {safeName(path)}
          </li>
        ))}
      </ul>
    </>
  )
}

function Outcome({ done: { restored, failed } }: { readonly done: RestoredDocument }) {
  return (
    <div role="status">
      <p>{count(restored, 'item')} brought back.</p>
      {failed.map(({ path, message }) => (
        <p class="failure" key={path}>
          {safeName(path)}: {safeName(message)}
        </p>
      ))}
    </div>
  )
}
