import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { Failure } from './Failure.js'

interface ActionProps {
  readonly onact: () => Promise<unknown>
  readonly children: ComponentChildren
  readonly kind?: 'primary' | 'secondary' | 'contrast'
  readonly disabled?: boolean
  readonly label?: string
}

/** A button whose work takes a moment: it is busy while it goes on, and tells right there where it failed. */
export function Action({ onact, children, kind = 'secondary', disabled = false, label }: ActionProps) {
  const busy = useSignal(false)
  const error = useSignal<unknown>(undefined)
  const act = async (): Promise<void> => {
    if (busy.value) return
    busy.value = true
    error.value = undefined
    try {
      await onact()
    } catch (caught) {
      error.value = caught
    }
    busy.value = false
  }
  return (
    <span class="action">
      <button
        type="button"
        class={kind}
        disabled={disabled}
        aria-label={label}
        aria-busy={busy.value}
        onClick={() => void act()}
      >
        {children}
      </button>
      <Failure error={error.value} />
    </span>
  )
}
