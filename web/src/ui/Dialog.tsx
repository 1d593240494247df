import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

interface DialogProps {
  readonly title: string
  readonly onclose: () => void
  readonly children: ComponentChildren
  readonly actions?: ComponentChildren
}

/** A modal dialog: the browser keeps the focus in it, and Escape closes it. */
export function Dialog({ title, onclose, children, actions }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    ref.current?.showModal()
  }, [])
  return (
    <dialog ref={ref} aria-labelledby={titleId} onClose={onclose}>
      <article>
        <header>
          <button class="close" type="button" aria-label="Close" onClick={() => ref.current?.close()} />
          <h2 id={titleId}>{title}</h2>
        </header>
        {children}
        {actions !== undefined && <footer>{actions}</footer>}
      </article>
    </dialog>
  )
}
