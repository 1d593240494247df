import { safeName } from '../format.js'

interface CrumbsProps {
  /** What the root is called. */
  readonly name: string
  /** Empty: the root. */
  readonly path: string
  readonly onopen: (path: string) => void
}

/** Where one is in a tree of directories, and the way back up. */
export function Crumbs({ name, path, onopen }: CrumbsProps) {
  const parts = path === '' ? [] : path.split('/')
  return (
    <nav aria-label="Directory" class="crumbs">
      <ol>
        <li>
          <button type="button" class="link" onClick={() => onopen('')}>
            {safeName(name)}
          </button>
        </li>
        {parts.map((part, i) => (
          <li key={parts.slice(0, i + 1).join('/')}>
            <button
              type="button"
              class="link"
              aria-current={i === parts.length - 1 ? 'page' : undefined}
              onClick={() => onopen(parts.slice(0, i + 1).join('/'))}
            >
              {safeName(part)}
            </button>
          </li>
        ))}
      </ol>
    </nav>
  )
}
