/** How this device stands in the network, for whoever asks why something does not connect. */
export interface NetworkReport {
  readonly tcpPort: number | undefined
  /** The addresses of the interfaces on which others are looked for; undefined: the LAN is not used. */
  readonly lan: readonly string[] | undefined
  readonly dht: {
    readonly bootstrapped: boolean
    readonly online: boolean
    readonly firewalled: boolean
    readonly randomized: boolean
    /** Where it is seen from outside. */
    readonly address: string | undefined
    readonly nodes: number
  }
  /** Relays that could be used. */
  readonly relays: number
  /** How the last attempt to connect to a device over the DHT failed, where it did: hyperdht's code. */
  readonly failures: readonly { readonly device: string; readonly code: string }[]
  /** This device relays for others of its folders. */
  readonly isRelay: boolean
  readonly targets: readonly {
    readonly address: string
    readonly device: string | undefined
    readonly fixed: boolean
  }[]
}
