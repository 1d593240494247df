import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** Rows above and below what is seen that are drawn as well. */
const SPARE_ROWS = 8

interface VirtualListProps<T> {
  readonly items: readonly T[]
  /** The height of every row, in pixels. */
  readonly rowHeight: number
  readonly label: string
  readonly keyOf: (item: T) => string
  readonly children: (item: T) => ComponentChildren
  /** The last rows are in sight: there may be more to load. */
  readonly onend: () => void
}

/** A long list of which only the rows in sight are drawn: fifty thousand rows cost what forty do. */
export function VirtualList<T>({ items, rowHeight, label, keyOf, children, onend }: VirtualListProps<T>) {
  const ref = useRef<HTMLDivElement>(null)
  const top = useSignal(0)
  const height = useSignal(600)
  const measure = (): void => {
    if (ref.current === null) return
    top.value = ref.current.scrollTop
    height.value = ref.current.clientHeight
  }
  const first = Math.max(0, Math.floor(top.value / rowHeight) - SPARE_ROWS)
  const last = Math.min(items.length, Math.ceil((top.value + height.value) / rowHeight) + SPARE_ROWS)
  useEffect(measure, [items.length])
  useEffect(() => {
    if (last >= items.length) onend()
  }, [last, items.length])
  return (
    <div class="virtual" ref={ref} onScroll={measure} tabIndex={0} role="region" aria-label={label}>
      <ul style={{ height: `${String(items.length * rowHeight)}px` }}>
        {items.slice(first, last).map((item, i) => (
          <li
            key={keyOf(item)}
            aria-setsize={items.length}
            aria-posinset={first + i + 1}
            style={{ top: `${String((first + i) * rowHeight)}px`, height: `${String(rowHeight)}px` }}
          >
            {children(item)}
          </li>
        ))}
      </ul>
    </div>
  )
}
