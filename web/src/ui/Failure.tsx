import { ApiError } from '../api/client.js'
import { safeName } from '../format.js'

/** Says what went wrong, where it went wrong, and what to do. Nothing where nothing did. */
export function Failure({ error }: { readonly error: unknown }) {
  if (error === undefined) return null
  const message = error instanceof Error ? error.message : 'something went wrong'
  const hint = error instanceof ApiError ? error.hint : undefined
  return (
    <p class="failure" role="alert">
      {safeName(message)}
      {hint !== undefined && <small>{safeName(hint)}</small>}
    </p>
  )
}
