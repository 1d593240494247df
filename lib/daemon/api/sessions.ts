import { randomBytes } from 'node:crypto'
import { dropOldest } from '../../core/drop-oldest.js'

/** How long a session lasts without a request, and how many there may be: of more the one ends that was used least lately. */
const IDLE_MS = 24 * 3600 * 1000
const SESSIONS_MAX = 100
const ID_BYTES = 32

interface Session {
  /** Of the password that opened it: it ends with that. */
  readonly salt: string
  usedAt: number
}

/** Who has given the password. Kept in memory only: a restart ends them. Times are milliseconds of a clock that only goes forward. */
export class Sessions {
  readonly #now: () => number
  /** By their ids, that used last behind the others. An id is too long to be guessed, so that it need not be compared in constant time. */
  readonly #sessions = new Map<string, Session>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** The id of a new one: a secret. */
  open(salt: string): string {
    const id = randomBytes(ID_BYTES).toString('base64url')
    this.#sessions.set(id, { salt, usedAt: this.#now() })
    dropOldest(this.#sessions, SESSIONS_MAX)
    return id
  }

  /** True for the id of one that goes on under the password with this salt; it has been used then. */
  use(id: string | undefined, salt: string): boolean {
    const session = id === undefined ? undefined : this.#sessions.get(id)
    if (id === undefined || session === undefined) return false
    this.#sessions.delete(id)
    const now = this.#now()
    if (session.salt !== salt || now - session.usedAt > IDLE_MS) return false
    session.usedAt = now
    this.#sessions.set(id, session)
    return true
  }

  end(id: string | undefined): void {
    if (id !== undefined) this.#sessions.delete(id)
  }
}
