import { openHome } from '../home/home.js'
import { runRelayNode, type RelayNode, type RelayNodeOptions } from '../net/relay-node.js'
import { realRuntime } from '../real-runtime.js'
import type { Config } from './config.js'

/** Runs this home's relay: its public key stays the same as long as the home's device key does. Throws USAGE, and MALFORMED where the device's key is damaged. */
export async function runRelay(
  config: Config,
  options: Pick<RelayNodeOptions, 'host' | 'port' | 'serves' | 'limits'>
): Promise<RelayNode> {
  return runRelayNode({
    ...options,
    device: await openHome(config.home).deviceKeyPair(),
    bootstrap: config.bootstrap,
    runtime: realRuntime(config.trace)
  })
}
