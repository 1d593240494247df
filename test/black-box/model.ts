/** What a file holds; undefined where there is none. */
export type Value = string | undefined

/**
 * What a user of several devices can know of one path that all of them sync: what is agreed on, what was kept beside it, what each device shows, whether it
 * has heard of the last agreement, and whether it has told of its own last write. Source: Hughes, Pierce, Arts and Norell, "Mysteries of Dropbox", ICST 2016. There a server
 * lets the first of two writes keep the name; here either may.
 */
interface State {
  readonly agreed: Value
  readonly conflicts: readonly string[]
  readonly local: readonly Value[]
  readonly fresh: readonly boolean[]
  readonly clean: readonly boolean[]
}

/** All states in which the devices may be, as far as users have seen: where there is none left, they have done what they must not. */
export class Model {
  #states: ReadonlyMap<string, State>
  readonly #count: number

  constructor(count: number) {
    this.#count = count
    const all = <T>(value: T): T[] => Array.from({ length: count }, () => value)
    this.#states = closure([
      { agreed: undefined, conflicts: [], local: all(undefined), fresh: all(true), clean: all(true) }
    ])
  }

  /** A user sees `value` on a device. False where that can't be. */
  read(device: number, value: Value): boolean {
    return this.#keep(state => state.local[device] === value)
  }

  /** A user puts `value` there. */
  write(device: number, value: Value): void {
    this.#states = closure(
      [...this.#states.values()].map(state => ({
        ...state,
        local: changed(state.local, device, value),
        clean: changed(state.clean, device, false)
      }))
    )
  }

  /** All is at rest, and every device has just these values, at whatever names. False where that can't be. */
  settle(values: readonly string[]): boolean {
    const seen = [...values].sort().join()
    return this.#keep(({ agreed, conflicts, fresh, clean }) => {
      const shown = [...conflicts, ...(agreed === undefined ? [] : [agreed])].sort().join()
      return fresh.every(Boolean) && clean.every(Boolean) && shown === seen
    })
  }

  /** Every outcome that could be at rest, for people. */
  get outcomes(): string[] {
    const ended = [...this.#states.values()].filter(({ fresh, clean }) => fresh.every(Boolean) && clean.every(Boolean))
    return [...new Set(ended.map(({ agreed, conflicts }) => `${agreed ?? 'nothing'} beside [${conflicts.join()}]`))]
  }

  #keep(holds: (state: State) => boolean): boolean {
    this.#states = closure([...this.#states.values()].filter(holds))
    return this.#states.size > 0 && this.#count > 0
  }
}

/** The states, and all to which they lead without anybody seeing it. */
function closure(states: readonly State[]): ReadonlyMap<string, State> {
  const found = new Map<string, State>()
  const waiting = [...states]
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    const key = JSON.stringify(state, (_, value: unknown) => value ?? null)
    if (found.has(key)) continue
    found.set(key, state)
    for (let device = 0; device < state.local.length; device++) waiting.push(...steps(state, device))
  }
  return found
}

/** What may happen at a device by itself. */
function steps(state: State, device: number): State[] {
  const { agreed, conflicts, local, fresh, clean } = state
  const own = local[device]
  const told = { ...state, clean: changed(clean, device, true) }
  const heard = { fresh: changed(fresh, device, true), local: changed(local, device, agreed) }
  if (clean[device] === true) return fresh[device] === true ? [] : [{ ...state, ...heard }]
  const agreedAnew = { agreed: own, fresh: fresh.map((_, i) => i === device) }
  if (own === agreed) return [told]
  if (fresh[device] === true) return [{ ...told, ...agreedAnew }]
  // Two writes that have not seen each other: a delete loses, of two others either keeps the name.
  if (own === undefined) return [told]
  const beside = (value: Value): readonly string[] => (value === undefined ? conflicts : [...conflicts, value].sort())
  const isKept = { ...told, ...agreedAnew, conflicts: beside(agreed) }
  return agreed === undefined ? [isKept] : [isKept, { ...told, conflicts: beside(own) }]
}

function changed<T>(values: readonly T[], at: number, value: T): T[] {
  return values.map((before, i) => (i === at ? value : before))
}
