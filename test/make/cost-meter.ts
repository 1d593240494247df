import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What an attack may cost in memory (reliability: threat model, method). */
export const MEMORY_BYTES_MAX = 64 * 1024 * 1024
const INTERVAL_MS = 10

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/**
 * What this process costs while something goes on in it. Memory is what is in use and can't be freed: the heap and the buffers outside of it, after
 * a collection of garbage. (The memory that the system counts says little: it has garbage in it, what an allocator keeps for later, and whole
 * devices that a test makes in the same process.) It is looked at all the time, so that what is given back before the end counts too.
 */
export class CostMeter {
  /** How long the event loop was held up at worst. */
  worstLagMs = 0
  #base = 0
  #most = 0
  #at = performance.now()
  #cpu = process.cpuUsage()
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => this.#tick(), INTERVAL_MS)
    this.#timer.unref()
    this.reset()
  }

  /** From here on. */
  reset(): void {
    this.#base = this.#most = memoryInUse()
    this.worstLagMs = 0
    this.#beginTurn()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** How much more memory was in use at any time than at the beginning; below the limit it is only measured now. */
  memoryGrewBytes(): number {
    this.#most = Math.max(this.#most, memoryInUse())
    this.#beginTurn()
    return this.#most - this.#base
  }

  #tick(): void {
    // A turn counts for no more than the CPU time that went by in it, since the machine may have had other things to do.
    const { user, system } = process.cpuUsage(this.#cpu)
    const lagMs = Math.min(performance.now() - this.#at - INTERVAL_MS, (user + system) / 1000)
    this.worstLagMs = Math.max(this.worstLagMs, lagMs)
    // Only what is over the limit with its garbage can be over it without.
    if (memoryHeld() - this.#base >= MEMORY_BYTES_MAX) this.#most = Math.max(this.#most, memoryInUse())
    this.#beginTurn()
  }

  #beginTurn(): void {
    this.#at = performance.now()
    this.#cpu = process.cpuUsage()
  }
}

function memoryInUse(): number {
  // The first pass frees objects, the second the buffers that belonged to them.
  collectGarbage()
  collectGarbage()
  return memoryHeld()
}

function memoryHeld(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}
