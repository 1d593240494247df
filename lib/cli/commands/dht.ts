import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { aborted, catchStop } from '../signals.js'

export interface DhtOptions {
  readonly host: string
  readonly port: number
}

/** `backer dht`: runs a bootstrap node of a DHT of one's own, until a signal comes. Throws USAGE where it can't listen there. */
export async function dht({ printer }: Context, { host, port }: DhtOptions): Promise<ExitCode> {
  const stop = catchStop()
  const { runDhtNode } = await import('../../net/dht-node.js')
  const node = await runDhtNode({ host, port })
  const address = `${node.host}:${node.port}`
  if (printer.json) printer.document({ type: 'ready', schema: 1, host: node.host, port: node.port })
  else printer.result(address)
  const reachable = node.host === '0.0.0.0' ? `THIS-COMPUTER:${node.port}` : address
  printer.note(`A DHT node runs here. Other devices use it with BACKER_BOOTSTRAP=${reachable}`)
  await aborted(stop.signal)
  await node.close()
  stop.release()
  return EXIT.done
}
