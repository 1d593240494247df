import type { Codec } from '../lib/core/codec.js'

/** What the channels of a session speak through. */
export interface Wire {
  readonly closed: boolean
  /** Adds a message in both directions; the function that comes back sends it, and is false where the stream wants a rest. */
  message<T>(codec: Codec<T>, what: string, receive: (value: T) => void): (value: T) => boolean
  /** Resolves when the stream takes more, or is gone. */
  drained(): Promise<void>
  /** Something was asked for; an answer must come within ANSWER_DEADLINE_MS of the last one. */
  expectAnswer(): void
  answerCame(): void
  /** Ends the connection for what was thrown. */
  endFor(error: unknown): void
  trace(line: string): void
}
