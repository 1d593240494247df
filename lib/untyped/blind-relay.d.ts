declare module 'blind-relay' {
  import type { EventEmitter } from 'node:events'
  import type NoiseSecretStream from '@hyperswarm/secret-stream'

  export interface RelaySession extends EventEmitter {
    destroy(error?: Error): void
  }
  export class Server {
    constructor(options: { readonly createStream: (options: object) => object })
    readonly stats: {
      readonly sessions: { readonly accepted: number; readonly opened: number; readonly closed: number }
      readonly pairings: {
        readonly requested: number
        readonly matched: number
        readonly cancelled: number
        readonly active: number
        readonly pending: number
      }
    }
    accept(stream: NoiseSecretStream, options: { readonly id: Uint8Array }): RelaySession
    close(): Promise<void>
  }
}
