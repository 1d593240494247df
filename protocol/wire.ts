import type { Codec } from '../lib/core/codec.js'
import type { Gate } from './line.js'

/** What the channels of a session speak through. */
export interface Wire {
  readonly closed: boolean
  /** Adds a message in both directions; the function that comes back sends it. */
  message<T>(codec: Codec<T>, what: string, receive: (value: T) => void): (value: T) => void
  /** Sends something large when it is its turn (see outlet.ts). Resolves behind that, or unsent where the session is over. Never rejects. */
  inTurn(send: () => void): Promise<void>
  /** Has what is sent in this turn of the event loop leave together: for what is small and comes in numbers. */
  gather(): void
  /** Something was asked for, so that answers are waited for. What comes back is until when, on the clock of `expire`. */
  expectAnswer(): number
  answerCame(): void
  /** How content leaves, and how it is asked for. */
  upload(): Gate
  download(): Gate
  /** Ends the connection for what was thrown. */
  endFor(error: unknown): void
  trace(line: string): void
}
