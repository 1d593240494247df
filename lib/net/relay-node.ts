import type { KeyPair } from 'hypercore-crypto'
import type { DhtAddress } from 'hyperdht'
import { BackerError, messageOf } from '../core/error.js'
import type { Runtime, Timer } from '../runtime.js'
import { DhtWatch } from './dht-watch.js'
import { RelayGuests } from './relay-guests.js'
import { Relay, relayKeyPair, type RelayCounters, type RelayLimits } from './relay.js'

export interface RelayNodeOptions {
  /** The device whose relay it is: its public key as a relay is derived from it, and so stays the same. */
  readonly device: KeyPair
  readonly host: string
  readonly port: number
  readonly bootstrap: readonly DhtAddress[] | undefined
  /** Whom it serves: these devices, by their ids, and those of folders with these topics; `anybody`: whoever knows its public key. */
  readonly serves: { readonly devices: readonly string[]; readonly topics: readonly Uint8Array[] } | 'anybody'
  readonly limits: RelayLimits
  readonly runtime: Runtime
}

export interface RelayNode {
  readonly publicKey: Uint8Array
  readonly counters: RelayCounters
  close(): Promise<void>
}

/** Runs a relay by itself, at a UDP port that others can reach. Throws USAGE where it can't listen there. */
export async function runRelayNode(options: RelayNodeOptions): Promise<RelayNode> {
  const { device, host, port, bootstrap, serves, limits, runtime } = options
  const { default: HyperDHT } = await import('hyperdht')
  const dht = new HyperDHT({
    ...(host === '0.0.0.0' ? {} : { host, firewalled: false }),
    ...(port === 0 ? {} : { port }),
    ...(bootstrap === undefined ? {} : { bootstrap })
  })
  try {
    const guests =
      serves === 'anybody'
        ? undefined
        : new RelayGuests({ dht, devices: new Set(serves.devices), topics: serves.topics, runtime })
    const relay = await Relay.open({
      dht,
      keyPair: relayKeyPair(device),
      serves: deviceId => guests?.serves(deviceId) ?? true,
      limits
    })
    const watch = new DhtWatch({ dht, clock: runtime.clock, onback: () => undefined })
    let timer: Timer | undefined
    const tick = (): void => {
      relay.tick()
      watch.tick()
      timer = runtime.timers.after(1000, tick)
    }
    tick()
    return {
      publicKey: relay.publicKey,
      get counters() {
        return relay.counters
      },
      async close() {
        timer?.cancel()
        await relay.close()
        await dht.destroy()
      }
    }
  } catch (error) {
    await dht.destroy({ force: true })
    throw new BackerError('USAGE', `can't relay on ${host}:${port}: ${messageOf(error)}`, {
      hint: 'Choose another --host or --port.',
      cause: error
    })
  }
}
