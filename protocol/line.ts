import type Protomux from 'protomux'
import type { BackerError } from '../lib/core/error.js'
import type { Runtime } from '../lib/runtime.js'
import type { RoadsMessage } from './messages.js'
import type { Outlet } from './outlet.js'
import type { SessionFacts } from './proof.js'

/** Where a connection runs. */
export interface Road {
  /** `pipe`: a stream that an application made. */
  readonly transport: 'tcp' | 'udx' | 'pipe'
  /** Of two roads to one device the one with the greater number is used. */
  readonly rank: number
  readonly isRelayed: boolean
  /** The peer's IP address as this side sees it, where there is one. */
  readonly host?: string | undefined
}

/** Holds back what goes one way, so that it keeps to a rate. */
export interface Gate {
  /** True where `bytes` may go now. Else `ready` tells when to ask again. */
  tryPass(bytes: number): boolean
  ready(): Promise<void>
}

/** A way that is held back by nothing. */
export const OPEN_GATE: Gate = { tryPass: () => true, ready: () => Promise.resolve() }

/** What a session has of the connection that it is on. */
export interface Line {
  readonly mux: Protomux
  /** Something small is about to be said: whatever is said in this turn of the event loop leaves together. */
  readonly gather: () => void
  readonly outlet: Outlet
  readonly facts: SessionFacts
  readonly isInitiator: boolean
  readonly deviceId: string
  readonly road: () => Road
  /** The least of the last round trips that were measured, in milliseconds. */
  readonly roundTripMs: () => number | undefined
  /** How content leaves, and how it is asked for. */
  readonly upload: () => Gate
  readonly download: () => Gate
  /** What this side says of how else it can be reached, and what it hears of it. */
  readonly roads: () => RoadsMessage | undefined
  readonly onroads: (roads: RoadsMessage) => void
  readonly runtime: Runtime
  /** Bytes that have come, of whole frames or not. */
  readonly bytesReceived: () => number
  /** Bytes of chunks that were asked for over all folders and are not here. */
  readonly bytesAskedFor: () => number
  /** How many bytes of chunks to ask for at once: what the line holds. */
  readonly windowBytes: () => number
  /** The peer has proven that it knows a folder's key. */
  readonly onproven: () => void
  /** Why this side tore the connection down, where it did. */
  readonly tornFor: () => BackerError | undefined
  /** Ends all that is on the connection, lets what was said go out, then closes it. */
  readonly finish: () => void
}
