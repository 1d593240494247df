import type { Random, Runtime, Timer, Trace } from '../../lib/runtime.js'

interface Event {
  readonly at: number
  readonly order: number
  callback: (() => void) | undefined
}

/** The one clock and queue of events of a simulated world: what happens next is decided by virtual time and order of asking alone. */
export class Scheduler {
  readonly #heap: Event[] = []
  /** Resolves when no promise is left that could go on by itself. */
  readonly settled: () => Promise<void>
  #nowMs = 0
  #order = 0

  /** `usesStreams`: some of the world waits for turns of the event loop, and not for promises alone. */
  constructor({ usesStreams = true }: { readonly usesStreams?: boolean } = {}) {
    this.settled = usesStreams ? settledInLoop : settledInTurn
  }

  /** Virtual milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs
  }

  get isEmpty(): boolean {
    return this.#heap.length === 0
  }

  after(delayMs: number, callback: () => void): Timer {
    const event: Event = { at: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback }
    push(this.#heap, event)
    return { cancel: () => (event.callback = undefined) }
  }

  /** Runs the next event, and whatever follows from it without time passing. False where there is none before `untilMs`. */
  async step(untilMs = Infinity): Promise<boolean> {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.at > untilMs) {
        if (untilMs !== Infinity) this.#nowMs = Math.max(this.#nowMs, untilMs)
        return false
      }
      pop(this.#heap)
      if (first.callback === undefined) continue
      this.#nowMs = first.at
      first.callback()
      await this.settled()
      return true
    }
  }
}

/** Resolves when no promise is left that could go on by itself, nor a stream. */
export function settledInLoop(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** Resolves when no promise is left that could go on by itself: what was queued for the next tick comes after all of them, and costs no turn of the event loop. */
async function settledInTurn(): Promise<void> {
  await Promise.resolve()
  await new Promise<void>(resolve => process.nextTick(resolve))
}

/** One run of a process: when it is over, nothing that it began happens any more. */
export interface Life {
  isOver: boolean
}

/** The world as one process sees it. `wallMs`: what its wall clock shows at a virtual time. */
export function makeRuntime(
  scheduler: Scheduler,
  life: Life,
  parts: { readonly random: Random; readonly wallMs: () => number; readonly trace: Trace }
): Runtime {
  const after = (delayMs: number, callback: () => void): Timer =>
    scheduler.after(delayMs, () => {
      if (!life.isOver) callback()
    })
  return {
    clock: { now: parts.wallMs, monotonic: () => scheduler.nowMs },
    timers: { after, breathe: () => new Promise(resolve => after(0, resolve)) },
    random: parts.random,
    trace: parts.trace
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function push(heap: Event[], event: Event): void {
  let at = heap.length
  heap.push(event)
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above]
    if (parent === undefined || isBefore(parent, event)) break
    heap[at] = parent
    at = above
  }
  heap[at] = event
}

function pop(heap: Event[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    const left = heap[2 * at + 1]
    const right = heap[2 * at + 2]
    const isRight = left !== undefined && right !== undefined && isBefore(right, left)
    const least = isRight ? right : left
    if (least === undefined || isBefore(last, least)) break
    heap[at] = least
    at = 2 * at + (isRight ? 2 : 1)
  }
  heap[at] = last
}
