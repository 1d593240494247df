import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** What the heap is to stay below, in bytes, where what is in use leaves room for it. */
const AIM_BYTES = 48 * 1024 * 1024
/** By how much of what is in use the heap may grow until garbage is collected, in percent. */
const LEAST_PERCENT = 30
const MOST_PERCENT = 150
const LOOK_MS = 250
/** Between two collections it looks as if garbage were in use: the least of so many looks counts. */
const LOOKS = 4

/**
 * Keeps V8's heap small in a process that runs for months beside others. Left to itself V8 lets it grow to several times what is in use; held short
 * all the time it spends half of a large transfer on collecting. So it may grow while it is small, and the less the larger it is. Source: V8's
 * MemoryController::GrowingFactor, which heads the flag at each collection.
 */
export function keepHeapSmall(): void {
  keepYoungSmall()
  // So little is looked through sooner than other threads are woken up for it, which on a busy machine took up to 0.1 s.
  setFlagsFromString('--no-parallel-scavenge')
  // A thread's own heap sets the flag back for all.
  process.on('worker', worker => worker.once('online', keepYoungSmall))
  const looks: number[] = []
  let set = 0
  const look = (): void => {
    looks.push(getHeapStatistics().used_heap_size)
    if (looks.length > LOOKS) looks.shift()
    const percent = growthFor(Math.min(...looks))
    if (percent === set) return
    set = percent
    setFlagsFromString(`--heap-growing-percent=${percent}`)
    setFlagsFromString(percent === LEAST_PERCENT ? '--optimize-for-size' : '--no-optimize-for-size')
  }
  look()
  setInterval(look, LOOK_MS).unref()
}

/** What was made just now has no more room than it has had so far: else V8 takes 32 MiB for it, and keeps them. Source: V8's Heap::ConfigureHeap. */
function keepYoungSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** By how many percent a heap with `inUse` bytes in use may grow: in steps, so that it changes seldom. */
export function growthFor(inUse: number): number {
  const room = Math.floor(((AIM_BYTES - inUse) / inUse) * 10) * 10
  return Math.min(MOST_PERCENT, Math.max(LEAST_PERCENT, room))
}
