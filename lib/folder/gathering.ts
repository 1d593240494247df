import type { FilePayload } from '../core/model/record.js'
import type { Timers } from '../runtime.js'
import type { Want, WantState } from './want.js'

/** How many small files are asked for in one message, and how many bytes they have at most. */
const TOGETHER_MAX = 64
const TOGETHER_BYTES = 256 * 1024
/** Larger files are asked for alone: their own message is little beside them. */
const SMALL_BYTES = 64 * 1024

/** A small file whose content is about to be asked for. */
export interface Gathered {
  readonly want: Want
  readonly payload: FilePayload
  /** The want's state as long as it still wants this. */
  readonly state: WantState
}

interface Group {
  readonly members: Gathered[]
  bytes: number
}

/** True for a file that is worth asking for together with others. */
export function isGathered({ content, size }: FilePayload): boolean {
  return content.height === 0 && size <= SMALL_BYTES
}

/**
 * Small files that are asked for together: those that come up in one turn of the event loop, as many as one message takes. A message, and all that goes with a
 * request, costs several times what the bytes of a small file do.
 */
export class Gathering {
  readonly #timers: Timers
  readonly #ask: (members: readonly Gathered[]) => void
  readonly #groups = new Map<string, Group>()
  #isWaiting = false

  /** `ask`: told of each group that is complete. */
  constructor(timers: Timers, ask: (members: readonly Gathered[]) => void) {
    this.#timers = timers
    this.#ask = ask
  }

  /** `sources`: files with others are not asked for together. */
  add(member: Gathered, sources: string): void {
    const { size } = member.payload
    let group = this.#groups.get(sources)
    if (group !== undefined && group.bytes + size > TOGETHER_BYTES) {
      this.#send(sources, group)
      group = undefined
    }
    group ??= { members: [], bytes: 0 }
    this.#groups.set(sources, group)
    group.members.push(member)
    group.bytes += size
    if (group.members.length >= TOGETHER_MAX) this.#send(sources, group)
    else void this.#sendSoon()
  }

  #send(sources: string, group: Group): void {
    this.#groups.delete(sources)
    this.#ask(group.members)
  }

  async #sendSoon(): Promise<void> {
    if (this.#isWaiting) return
    this.#isWaiting = true
    await this.#timers.breathe()
    this.#isWaiting = false
    for (const [sources, group] of this.#groups) this.#send(sources, group)
  }
}
