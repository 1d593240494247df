import { readFileSync } from 'node:fs'
import { codeOf } from './problem.js'

/*
 * Linux holds a bounded number of events for a process that is too busy to take them, and drops what comes on top. It says so, but
 * neither libuv nor Node passes it on (uv__inotify_read skips IN_Q_OVERFLOW). What shows it is that very many events come in one go, before
 * the event loop gets to anything else. A thread has one queue, however many directories it watches.
 */

const LIMIT_FILE = '/proc/sys/fs/inotify/max_queued_events'
/** Where the file is missing: what Linux has by itself. */
const EVENTS_MAX = 16_384

/** Counts the events of this thread's queue, and tells where some may have been lost. */
class EventQueue {
  readonly #listeners = new Set<() => void>()
  #suspicious: number | undefined
  #count = 0

  /** Calls `listener` whenever events may have been lost. Returns what ends that. */
  onLoss(listener: () => void): () => void {
    this.#suspicious ??= eventsMax() / 2
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** An event came out of the queue. */
  took(): void {
    if (this.#count === 0) setImmediate(() => this.#taken())
    this.#count++
  }

  #taken(): void {
    // Half of them: events of directories that are watched no more are in the queue, but are not seen here.
    const isSuspicious = this.#count >= (this.#suspicious ?? EVENTS_MAX)
    this.#count = 0
    if (isSuspicious) for (const listener of [...this.#listeners]) listener()
  }
}

function eventsMax(): number {
  try {
    return Number.parseInt(readFileSync(LIMIT_FILE, 'utf8'), 10) || EVENTS_MAX
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return EVENTS_MAX
  }
}

/** This thread's queue. */
export const eventQueue = new EventQueue()
