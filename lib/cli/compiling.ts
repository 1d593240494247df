import { setFlagsFromString } from 'node:v8'

/** How many bytes of bytecode a function runs through until V8 compiles it once more, optimized. */
const BYTES_RUN = 300_000

/**
 * Has V8 compile with all its means only what is run very often. By its own measure (67,584) the threads in which it does so take a
 * quarter of all the time of a first sync of thousands of files, for functions that never give it back; loops over content reach this one within a millisecond.
 * Source: V8's TieringManager, `--interrupt-budget`.
 */
export function compileLittle(): void {
  setFlagsFromString(`--interrupt-budget=${BYTES_RUN}`)
}
