/** What one sync took. */
export interface Cost {
  readonly seconds: number
  readonly cpuSeconds: number
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
  /** Ends all of it and begins again with nothing changed. */
  restart(): Promise<Cost>
  close(): Promise<void>
}

/** A program to measure. `isEncrypted`: what it sends over a network nobody else can read. `isLive`: it notices changes by itself. */
export interface Program {
  readonly name: string
  readonly isEncrypted: boolean
  readonly isLive: boolean
  readonly isThere: () => boolean
  readonly start: (place: Place) => Promise<Contender>
}

/** Where a contender works: its own files, the two directories, and ports of the loopback that are free: this one and the three after it. */
export interface Place {
  readonly place: string
  readonly a: string
  readonly b: string
  readonly port: number
}
