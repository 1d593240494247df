import type Protomux from 'protomux'
import type { BackerError } from '../lib/core/error.js'
import type { Runtime } from '../lib/runtime.js'
import type { Outlet } from './outlet.js'
import type { SessionFacts } from './proof.js'

/** What a session has of the connection that it is on. */
export interface Line {
  readonly mux: Protomux
  readonly outlet: Outlet
  readonly facts: SessionFacts
  readonly isInitiator: boolean
  readonly deviceId: string
  readonly remoteHost: string | undefined
  readonly isRelayed: boolean
  readonly runtime: Runtime
  /** Bytes that have come, of whole frames or not. */
  readonly bytesReceived: () => number
  /** Bytes of chunks that were asked for over all folders and are not here. */
  readonly bytesAskedFor: () => number
  /** The peer has proven that it knows a folder's key. */
  readonly onproven: () => void
  /** Why this side tore the connection down, where it did. */
  readonly tornFor: () => BackerError | undefined
  /** Ends all that is on the connection, lets what was said go out, then closes it. */
  readonly finish: () => void
}
