/** What happened in simulated runs, counted. */
export interface Tally {
  readonly seeds: number
  readonly failed: number
  readonly events: number
  readonly cpuMs: number
  /** What users did to files. */
  readonly acts: number
  /** What users asked of the engine: to restore, to drop, to get, to keep a snapshot. */
  readonly wishes: number
  readonly kills: number
  readonly powerCuts: number
  readonly otherMisfortunes: number
}

export const NO_RUNS: Tally = {
  seeds: 0,
  failed: 0,
  events: 0,
  cpuMs: 0,
  acts: 0,
  wishes: 0,
  kills: 0,
  powerCuts: 0,
  otherMisfortunes: 0
}

export function addTallies(a: Tally, b: Partial<Tally>): Tally {
  const names = Object.keys(NO_RUNS) as (keyof Tally)[]
  return Object.fromEntries(names.map(name => [name, a[name] + (b[name] ?? 0)])) as unknown as Tally
}
