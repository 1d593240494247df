import { useSignal } from '@preact/signals'
import { api } from '../api/routes.js'
import { goTo, href } from '../route.js'
import { refresh } from '../state.js'
import { DirectoryPicker } from '../ui/DirectoryPicker.js'
import { Failure } from '../ui/Failure.js'

/** Shares a directory of this device, or joins a folder by its key. */
export function AddPage({ joins }: { readonly joins: boolean }) {
  const directory = useSignal('')
  const key = useSignal('')
  const busy = useSignal(false)
  const error = useSignal<unknown>(undefined)
  const submit = async (): Promise<void> => {
    busy.value = true
    error.value = undefined
    try {
      const added = await api.addFolder({
        directory: directory.value.trim(),
        createDirectory: joins,
        ...(joins ? { key: key.value.trim() } : {})
      })
      await refresh()
      if (joins) goTo('folders', added.id)
      else goTo('folders', added.id, 'share')
    } catch (caught) {
      error.value = caught
    }
    busy.value = false
  }
  return (
    <section class="narrow">
      <h1>{joins ? 'Join a folder' : 'Share a folder'}</h1>
      <p>
        {joins
          ? 'With the key that another device gave you. If the directory has files already, equal ones are taken as they are, different ones are kept side by side, and nothing is deleted.'
          : 'The directory stays where it is. You get a key, with which other devices can join.'}
      </p>
      <form
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        {joins && (
          <label>
            Key
            <textarea
              name="key"
              required
              rows={2}
              autocomplete="off"
              spellcheck={false}
              placeholder="backer-rw-…"
              value={key.value}
              onInput={event => (key.value = event.currentTarget.value)}
            />
          </label>
        )}
        <DirectoryPicker value={directory.value} onchange={path => (directory.value = path)} />
        <Failure error={error.value} />
        <div class="buttons">
          <a role="button" class="secondary" href={href()}>
            Cancel
          </a>
          <button type="submit" aria-busy={busy.value} disabled={busy.value}>
            {joins ? 'Join' : 'Share'}
          </button>
        </div>
      </form>
    </section>
  )
}
