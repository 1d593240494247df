import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { FolderDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { count, safeName } from '../../format.js'
import { Action } from '../../ui/Action.js'
import { Failure } from '../../ui/Failure.js'

const PREVIEW_AFTER_MS = 400

/** The patterns of `.backerignore`, and what they hit before they are saved. */
export function IgnoreTab({ folder }: { readonly folder: FolderDocument }) {
  const text = useSignal<string | undefined>(undefined)
  const saved = useSignal('')
  const preview = useSignal<Awaited<ReturnType<typeof api.previewIgnore>> | undefined>(undefined)
  const error = useSignal<unknown>(undefined)
  useEffect(() => {
    api.ignore(folder.id).then(
      answer => (text.value = saved.value = answer.text),
      (caught: unknown) => (error.value = caught)
    )
  }, [folder.id])
  useEffect(() => {
    const patterns = text.value
    if (patterns === undefined) return undefined
    const timer = setTimeout(() => {
      api.previewIgnore(folder.id, patterns).then(
        answer => {
          if (text.value !== patterns) return
          preview.value = answer
          error.value = undefined
        },
        (caught: unknown) => (error.value = caught)
      )
    }, PREVIEW_AFTER_MS)
    return () => clearTimeout(timer)
  }, [folder.id, text.value])
  const save = async (): Promise<void> => {
    await api.saveIgnore(folder.id, text.value ?? '')
    saved.value = text.value ?? ''
  }
  return (
    <div class="narrow">
      <p>
        One pattern a line, as in <code>.gitignore</code>. They stand in <code>.backerignore</code>, which is synced
        like any file: they hold on all devices.
      </p>
      <Failure error={error.value} />
      {text.value !== undefined && (
        <>
          <label>
            Patterns
            <textarea
              rows={10}
              spellcheck={false}
              value={text.value}
              onInput={event => (text.value = event.currentTarget.value)}
            />
          </label>
          <Action onact={save} kind="primary" disabled={text.value === saved.value}>
            Save
          </Action>
        </>
      )}
      {preview.value !== undefined && <Preview {...preview.value} />}
    </div>
  )
}

function Preview({ count: hit, sample, problems }: Awaited<ReturnType<typeof api.previewIgnore>>) {
  return (
    <div role="status">
      {problems.map(problem => (
        <p class="failure" key={problem}>
          {safeName(problem)}
        </p>
      ))}
      <h2>These patterns hit {count(hit, 'item')}</h2>
      <ul class="plain">
        {sample.map(path => (
          <li key={path} class="path">
            {safeName(path)}
          </li>
        ))}
      </ul>
    </div>
  )
}
