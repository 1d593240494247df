/** What one sync took. */
export interface Cost {
  readonly seconds: number
  readonly cpuSeconds: number
  /** The highest resident memory of any process so far. */
  readonly memoryMiB: number
}

/** A program that makes one directory like another. */
export interface Contender {
  readonly name: string
  /** How exactly it brings times over: nanoseconds. */
  readonly timeStepNs: bigint
  /** Begins with what is in `a` now, and no knowledge of it; resolves when `b` has it. */
  first(): Promise<Cost>
  /** Makes a change in `a`; resolves when `b` has it. */
  change(make: () => void): Promise<Cost>
  /** Ends all of it and begins again with nothing changed; undefined where there is nothing to begin. */
  restart(): Promise<Cost> | undefined
  close(): Promise<void>
}
