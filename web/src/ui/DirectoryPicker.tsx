import { useSignal } from '@preact/signals'
import { api } from '../api/routes.js'
import { safeName } from '../format.js'
import { Loading, useLoaded } from './Loading.js'

interface DirectoryPickerProps {
  readonly value: string
  readonly onchange: (path: string) => void
}

/** A path on the daemon's own disk: typed, or chosen by walking through its directories. */
export function DirectoryPicker({ value, onchange }: DirectoryPickerProps) {
  const isOpen = useSignal(false)
  return (
    <>
      <label>
        Directory on this device
        <input
          name="directory"
          required
          autocomplete="off"
          spellcheck={false}
          placeholder="/home/you/Documents"
          value={value}
          onInput={event => onchange(event.currentTarget.value)}
        />
      </label>
      <button
        type="button"
        class="secondary outline"
        aria-expanded={isOpen.value}
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        {isOpen.value ? 'Close the list' : 'Browse …'}
      </button>
      {isOpen.value && <Browser start={value === '' ? undefined : value} onchange={onchange} />}
    </>
  )
}

function Browser({
  start,
  onchange
}: {
  readonly start: string | undefined
  readonly onchange: (path: string) => void
}) {
  const at = useSignal(start)
  const loaded = useLoaded(() => api.directories(at.value), at.value ?? '')
  const go = (path: string): void => {
    at.value = path
    onchange(path)
  }
  return (
    <div class="picker">
      <Loading loaded={loaded}>
        {({ path, parent, entries }) => (
          <>
            <p class="path">{safeName(path)}</p>
            <ul>
              {parent !== undefined && (
                <li>
                  <button type="button" class="link" onClick={() => go(parent)}>
                    ‹ One level up
                  </button>
                </li>
              )}
              {entries.map(entry => (
                <li key={entry.path}>
                  <button type="button" class="link" onClick={() => go(entry.path)}>
                    {safeName(entry.name)}
                  </button>
                  {entry.folder === true && <small> already shared</small>}
                </li>
              ))}
              {entries.length === 0 && <li>No directories here.</li>}
            </ul>
          </>
        )}
      </Loading>
    </div>
  )
}
