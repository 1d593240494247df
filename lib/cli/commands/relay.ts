import { Option } from 'commander'
import z32 from 'z32'
import { BackerError } from '../../core/error.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatNumberOf } from '../format.js'
import { catchStop, pause } from '../signals.js'
import type { Declare } from '../command.js'
import { count, deviceIds, port, rate, topics } from '../options.js'

interface RelayOptions {
  readonly host: string
  readonly port: number
  /** Ids of devices, in hexadecimal. */
  readonly device?: readonly string[]
  /** Topics of folders. */
  readonly folder?: readonly Uint8Array[]
  readonly open?: boolean
  readonly maxPairs: number
  /** Bytes per second. */
  readonly maxRate?: number
}

/** How often what the relay does is told. */
const TELL_EVERY_MS = 60_000
/** Devices that may wait beside those of the pairs. */
const WAITING_DEVICES = 64

/** The port of a relay where none is given. */
const RELAY_PORT = 49740

export const declare: Declare = (program, act) => {
  program
    .command('relay')
    .description(
      'carries what devices say to each other that cannot meet directly; prints the public key that BACKER_RELAY takes'
    )
    .option('--host <HOST>', 'the address to listen at, which others can reach', '0.0.0.0')
    .option('--port <PORT>', 'the UDP port to listen at; 0: any', port, RELAY_PORT)
    .addOption(new Option('--device <ID>', 'a device to serve; may be given several times').argParser(deviceIds))
    .addOption(
      new Option(
        '--folder <ID>',
        'a folder whose devices to serve: its id, or its store key; may be given several times'
      ).argParser(topics)
    )
    .option('--open', 'serves anybody who knows the public key')
    .option('--max-pairs <N>', 'pairs of devices that are served at once', count, 64)
    .addOption(
      new Option('--max-rate <RATE>', 'bytes per second that are carried at most, such as 10M').argParser(rate)
    )
    .action((options: RelayOptions) => act(context => relay(context, options)))
}

/** `backer relay`: carries what pairs of devices say to each other that can't meet otherwise, until a signal comes. Throws USAGE. */
async function relay({ printer, config }: Context, options: RelayOptions): Promise<ExitCode> {
  const { host, port, device = [], folder = [], open = false, maxPairs, maxRate } = options
  if (device.length + folder.length === 0 && !open) {
    throw new BackerError('USAGE', 'nobody is named whom the relay may serve', {
      hint: 'Give --folder ID for each folder or --device ID for each device (backer doctor prints them), or --open to serve anybody.'
    })
  }
  const stop = catchStop()
  const { runRelay } = await import('../../daemon/relay.js')
  const node = await runRelay(config, {
    host,
    port,
    serves: open ? 'anybody' : { devices: device, topics: folder },
    limits: { pairs: maxPairs, devices: 2 * maxPairs + WAITING_DEVICES, bytesPerSecond: maxRate }
  })
  const publicKey = z32.encode(node.publicKey)
  if (printer.json) printer.document({ type: 'ready', schema: 1, publicKey, host, port })
  else printer.result(publicKey)
  printer.note(`A relay runs here. Devices use it with BACKER_RELAY=${publicKey}`)
  let told = ''
  const tell = (): void => {
    const { counters } = node
    if (JSON.stringify(counters) === told) return
    told = JSON.stringify(counters)
    const { pairs, pairsTotal, devices, bytes, refused } = counters
    if (printer.json) printer.document({ type: 'summary', time: new Date().toISOString(), ...counters })
    else
      printer.note(
        `${formatNumberOf(pairs, 'pair')} now, ${pairsTotal} in all; ${formatNumberOf(devices, 'device')} connected; ` +
          `${formatBytes(bytes)} carried; ${refused} refused.`
      )
  }
  while (!stop.signal.aborted) {
    await pause(TELL_EVERY_MS, stop.signal)
    tell()
  }
  await node.close()
  stop.release()
  return EXIT.done
}
