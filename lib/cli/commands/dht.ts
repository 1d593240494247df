import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { aborted, catchStop } from '../signals.js'
import type { Declare } from '../command.js'
import { port } from '../options.js'

interface DhtOptions {
  readonly host: string
  readonly port: number
}

/** The port on which DHT nodes are usually looked for. */
const DHT_PORT = 49737

export const declare: Declare = (program, act) => {
  program
    .command('dht')
    .description(
      'runs nodes of a DHT of your own: other devices find each other by them with BACKER_BOOTSTRAP. Where that is set here they join the nodes there'
    )
    .option('--host <HOST>', 'the address to listen at', '0.0.0.0')
    .option('--port <PORT>', 'the port to listen at; 0: any', port, DHT_PORT)
    .action((options: DhtOptions) => act(context => dht(context, options)))
}

/** `backer dht`: runs a bootstrap node of a DHT of one's own, until a signal comes. Throws USAGE where it can't listen there. */
async function dht({ printer, config }: Context, { host, port }: DhtOptions): Promise<ExitCode> {
  const stop = catchStop()
  const { runDhtNode } = await import('../../net/dht-node.js')
  const node = await runDhtNode({ host, port, bootstrap: config.bootstrap })
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
