/** What the daemon answers where it refuses: a problem document. Source: RFC 9457. */
interface ProblemDocument {
  readonly title?: string
  readonly detail?: string
  readonly name?: string
  readonly message?: string
  readonly hint?: string
}

/** A request that was refused, or that did not get through. `name` is the daemon's error name; `OFFLINE` where it does not answer. */
export class ApiError extends Error {
  override readonly name: string
  readonly hint: string | undefined
  readonly status: number

  constructor(status: number, { name, title, detail, message, hint }: ProblemDocument) {
    super(detail ?? message ?? title ?? `the request was refused (${String(status)})`)
    this.name = name ?? 'UNKNOWN'
    this.hint = hint
    this.status = status
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Milliseconds until a request is given up. */
const DEADLINE_MS = 30_000

/**
 * Sends a request to the daemon and gives what it answers: JSON, or text where the answer is text. `token` opens a session; afterwards the cookie
 * that the daemon has set counts. Throws ApiError.
 */
export async function request<T>(method: Method, path: string, body?: unknown, token?: string): Promise<T> {
  const response = await send(method, path, body, token)
  if (!response.ok) throw new ApiError(response.status, (await response.json().catch(() => ({}))) as ProblemDocument)
  if (response.status === 204) return undefined as T
  const isText = response.headers.get('content-type')?.startsWith('text/') === true
  return (await (isText ? response.text() : response.json())) as T
}

async function send(method: Method, path: string, body: unknown, token: string | undefined): Promise<Response> {
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
  }
  const content = body === undefined ? {} : { body: JSON.stringify(body) }
  try {
    const signal = AbortSignal.timeout(DEADLINE_MS)
    return await fetch(path, { method, credentials: 'same-origin', signal, headers, ...content })
  } catch (error) {
    throw new ApiError(0, {
      name: 'OFFLINE',
      detail: 'backer does not answer',
      hint: `Is it running? "backer status" starts it. (${error instanceof Error ? error.message : String(error)})`
    })
  }
}
