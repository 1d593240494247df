import type { FolderDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { bytes, count, moment, rate, safeName } from '../../format.js'
import { refresh } from '../../state.js'
import { Action } from '../../ui/Action.js'

/** Whether what lies on the disk is what was written there. */
export function VerifySection({ folder }: { readonly folder: FolderDocument }) {
  const { verify } = folder
  if (verify === undefined) return null
  const change = async (isPaused: boolean): Promise<void> => {
    await api.setVerify(folder.id, { isPaused })
    await refresh()
  }
  const start = async (): Promise<void> => {
    // The answer comes when all is read; how far it is shows meanwhile.
    await api.verify(folder.id)
    await refresh()
  }
  return (
    <>
      <h2>Verify</h2>
      <p>
        All files are read again and held against what was written: a disk that damages them is found, and they are
        mended from other devices. {schedule(folder)}
      </p>
      {verify.running ? (
        <p role="status">
          Reading: {count(verify.files, 'file')}, {bytes(verify.bytes)} so far
          {verify.found > 0 && `; ${count(verify.found, 'damaged file')} found`}.
        </p>
      ) : (
        <p>{verify.lastEnded === undefined ? 'It was never done so far.' : `Last done ${moment(verify.lastEnded)}.`}</p>
      )}
      <Damaged folder={folder} />
      <div class="buttons">
        <Action onact={start} disabled={verify.running}>
          Verify now
        </Action>
        <Action onact={() => change(!verify.isPaused)}>
          {verify.isPaused ? 'Resume verifying' : 'Pause verifying'}
        </Action>
      </div>
    </>
  )
}

function schedule({ verify }: FolderDocument): string {
  if (verify === undefined || verify.everyDays === 0) return 'It is not done by itself.'
  if (verify.isPaused) return 'It is paused.'
  return `It is done every ${count(verify.everyDays, 'day')}, at ${rate(verify.bytesPerSecond)}.`
}

/** Files that nobody who is connected could mend. */
function Damaged({ folder }: { readonly folder: FolderDocument }) {
  const { damaged, sample } = folder.verify ?? { damaged: 0, sample: [] }
  if (damaged === 0) return null
  const accept = async (path: string): Promise<void> => {
    await api.acceptDamage(folder.id, path)
    await refresh()
  }
  return (
    <section class="notice" aria-label="Damaged files">
      <h3>{count(damaged, 'damaged file')}</h3>
      <p>Other devices don't get them. They are mended as soon as a device that has their content is connected.</p>
      <ul class="rows">
        {sample.map(path => (
          <li key={path}>
            <strong class="path">{safeName(path)}</strong>
            <Action onact={() => accept(path)} label={`Take ${safeName(path)} as it is`}>
              Take it as it is
            </Action>
          </li>
        ))}
      </ul>
      {sample.length < damaged && <p>… and {count(damaged - sample.length, 'other')}.</p>}
    </section>
  )
}
