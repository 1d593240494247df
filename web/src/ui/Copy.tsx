import { useSignal } from '@preact/signals'

/** A text to carry elsewhere, with a button that puts it on the clipboard. */
export function Copy({ text, label }: { readonly text: string; readonly label: string }) {
  const said = useSignal('')
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      said.value = 'Copied.'
    } catch {
      said.value = 'Select the text and copy it by hand: the browser does not allow it here.'
    }
  }
  return (
    <div class="copy">
      <label>
        {label}
        <textarea readonly rows={2} spellcheck={false} value={text} onFocus={event => event.currentTarget.select()} />
      </label>
      <button type="button" class="secondary" onClick={() => void copy()}>
        Copy
      </button>
      <span role="status">{said.value}</span>
    </div>
  )
}
