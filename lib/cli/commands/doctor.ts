import { isBackerError } from '../../core/error.js'
import { SCHEMA, type PeerDocument, type StatusDocument } from '../../daemon/document.js'
import { openHome } from '../../home/home.js'
import type { NetworkReport } from '../../net/report.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import type { Finding } from '../finding.js'
import { formatBytes } from '../format.js'
import { examineMachine } from '../machine.js'
import { pause } from '../signals.js'
import type { Declare } from '../command.js'

/** How many nodes must see a device until hyperdht takes its NAT for known, and lets a connection live that came through a hole (its nat.js). */
const NODES_NEEDED = 3

/** How long a peer's rates are measured. */
const RATE_MS = 1000

/** What hyperdht's codes mean. Source: hyperdht/lib/errors.js. */
const FAILURES: Readonly<Record<string, string>> = {
  HOLEPUNCH_ABORTED: 'no hole could be punched through the routers',
  HOLEPUNCH_PROBE_TIMEOUT: 'what kind of NAT is in the way could not be found out: the DHT needs three nodes at least',
  HOLEPUNCH_DOUBLE_RANDOMIZED_NATS:
    'both routers give each connection another port: only a relay or a forwarded port helps',
  CANNOT_HOLEPUNCH: 'no hole can be punched to it',
  REMOTE_NOT_HOLEPUNCHABLE: 'no hole can be punched to it',
  REMOTE_NOT_HOLEPUNCHING: 'the other side did not punch',
  REMOTE_ABORTED: 'the other side gave up',
  PEER_NOT_FOUND: 'it is not announced on the DHT: is backer running there?',
  PEER_CONNECTION_FAILED: 'it is announced on the DHT, and does not answer',
  RELAY_ABORTED: 'the relay did not connect the two',
  SERVER_ERROR: 'it answers, and could not take the connection',
  SERVER_INCOMPATIBLE: 'it runs a version of hyperdht that this one does not understand: update the older one',
  BAD_HANDSHAKE_REPLY: 'what came back is no answer: somebody else has its place on the DHT',
  BAD_HOLEPUNCH_REPLY: 'what came back is no answer: somebody else has its place on the DHT',
  HANDSHAKE_INVALID: 'somebody else answered in its place',
  HANDSHAKE_UNFINISHED: 'the connection broke before both knew each other',
  HOLEPUNCH_INVALID: 'what came back while a hole was punched makes no sense',
  DUPLICATE_CONNECTION: 'it is connected in another way already',
  ECONNRESET: 'it ended the connection: perhaps it does not have the folder, or its key is another one',
  EHOSTUNREACH: 'there is no way to its network from here',
  ENETUNREACH: 'there is no way to its network from here',
  ETIMEDOUT: 'it stopped answering'
}

export const declare: Declare = (program, act) => {
  program
    .command('doctor')
    .description('tells what works in the network and on this machine, what does not, and what to do')
    .argument('[PEER]', 'a device: its name or the start of its id')
    .action((peer: string | undefined) => act(context => doctor(context, peer)))
}

/** `backer doctor [PEER]`: what works in the network, what does not, and what to do. Exits with 1 where something is bad. */
async function doctor(context: Context, choice: string | undefined): Promise<ExitCode> {
  const { client, printer, config } = context
  const home = openHome(config.home)
  const key = await home.deviceKeyPair()
  const known = await home.folders()
  const folders = known.map(({ name, id }) => `folder "${name}": ${id}`)
  const device = Buffer.from(key.publicKey).toString('hex')
  const findings = [...(await examineNetwork(context)), ...(await examineMachine(known, Date.now()))]
  const peers = choice === undefined ? [] : await examinePeer(client, choice)
  const all = [...findings, ...peers]
  if (printer.json) printer.document({ schema: SCHEMA, device, findings: all })
  else printer.result(`this device: ${device}`, ...folders, ...all.flatMap(describe))
  return all.some(({ state }) => state === 'bad') ? EXIT.error : EXIT.done
}

/** What is to be said of the network; where nothing runs, that. */
export async function examineNetwork(context: Context): Promise<readonly Finding[]> {
  try {
    return await examine(context)
  } catch (error) {
    if (!isBackerError(error, 'NOT_RUNNING')) throw error
    const hint = error.hint ?? ''
    return [{ what: 'backer', state: 'bad', message: 'does not run, so that nothing of the network can be told', hint }]
  }
}

async function examine({ client, config }: Context): Promise<readonly Finding[]> {
  const [status, network] = await Promise.all([client.status(), client.network()])
  const { dht } = network
  if (dht === undefined)
    return [
      { what: 'network', state: 'note', message: 'no folder runs', hint: 'Start one with backer share or backer join.' }
    ]
  return [
    lanFinding(network, config.lan),
    { what: 'TCP', state: 'ok', message: `others connect at port ${network.tcpPort ?? 0}` },
    dhtFinding(dht),
    natFinding(dht),
    relayFinding(network, dht),
    ...peersOf(status).map(peer => peerFinding(peer, network.failures))
  ]
}

function lanFinding({ lan }: Partial<NetworkReport>, isWanted: boolean | undefined): Finding {
  const what = 'LAN'
  if (isWanted === false || lan === undefined)
    return { what, state: 'note', message: 'turned off', hint: 'Leave BACKER_NO_LAN out to turn it on.' }
  if (lan.length > 0) return { what, state: 'ok', message: `others are looked for at ${lan.join(', ')}` }
  return { what, state: 'bad', message: 'no interface has an address', hint: 'Is the cable in, or the Wi-Fi on?' }
}

function dhtFinding({ bootstrapped, online, firewalled, nodes }: NetworkReport['dht']): Finding {
  const what = 'DHT'
  if (bootstrapped && online && nodes >= (firewalled ? NODES_NEEDED : 1))
    return { what, state: 'ok', message: `${nodes} nodes are known` }
  if (bootstrapped && online && nodes > 0) {
    return {
      what,
      state: 'bad',
      message: `it has too few nodes (${nodes}): what NAT is in the way can't be found out, so that connections end as soon as they are made`,
      hint: 'Run the nodes with backer dht, which makes four; their UDP ports must be open.'
    }
  }
  return {
    what,
    state: 'bad',
    message: 'no node answers: devices meet only on the LAN and at --peer addresses',
    hint: 'Is there internet, does the network let UDP through, and is BACKER_BOOTSTRAP right? Without UDP use --peer HOST:PORT.'
  }
}

function natFinding({ address, firewalled, randomized, bootstrapped }: NetworkReport['dht']): Finding {
  const what = 'NAT'
  if (!bootstrapped) return { what, state: 'note', message: 'not known without a DHT' }
  if (address !== undefined) return { what, state: 'ok', message: `none: reached from everywhere at ${address} (UDP)` }
  if (randomized) {
    return {
      what,
      state: 'note',
      message: 'gives each connection another port: holes are hard to punch',
      hint: 'Forward the TCP port on this router and use --peer on the others, or run backer relay.'
    }
  }
  return { what, state: 'ok', message: firewalled ? 'keeps ports: holes can be punched' : 'lets others in' }
}

function relayFinding({ relays = 0, isRelay }: Partial<NetworkReport>, dht: NetworkReport['dht']): Finding {
  const what = 'relay'
  if (isRelay === true) return { what, state: 'ok', message: 'this device relays for others of its folders' }
  if (relays > 0) return { what, state: 'ok', message: `${relays} can be used` }
  if (!dht.randomized) return { what, state: 'note', message: 'none is known, and none may be needed' }
  return {
    what,
    state: 'bad',
    message: 'none is known',
    hint: 'Run backer relay on a host that others can reach, and set BACKER_RELAY.'
  }
}

function peersOf({ folders }: StatusDocument): readonly PeerDocument[] {
  const byDevice = new Map(folders.flatMap(({ peers }) => peers.map(peer => [peer.device, peer] as const)))
  return [...byDevice.values()]
}

function peerFinding(
  { name, device, route, transport, roundTripMs }: PeerDocument,
  failures: NetworkReport['failures'] = []
): Finding {
  const trip = roundTripMs === undefined ? '' : `, ${roundTripMs.toFixed(1)} ms`
  const road = `${route}, ${transport.toUpperCase()}${trip}`
  if (route !== 'relay') return { what: name, state: 'ok', message: road }
  const failed = failures.find(failure => failure.device === device)
  return {
    what: name,
    state: 'note',
    message: failed === undefined ? road : `${road}; no direct way: ${FAILURES[failed.code] ?? failed.code}`,
    hint: 'Forward the TCP port on one side, and use --peer on the other.'
  }
}

/** Everything that is known of one device, by its name or the beginning of its id. */
async function examinePeer(client: Context['client'], choice: string): Promise<readonly Finding[]> {
  const isMeant = ({ device, name }: PeerDocument): boolean => device.startsWith(choice) || name === choice
  const before = peersOf(await client.status()).find(isMeant)
  if (before === undefined) return absentPeer(await client.network(), choice)
  await pause(RATE_MS)
  const after = peersOf(await client.status()).find(isMeant) ?? before
  const rate = (one: number, other: number): string => `${formatBytes(((other - one) * 1000) / RATE_MS)}/s`
  const { name, device, address = 'unknown', connectedAt } = after
  return [
    { what: name, state: 'ok', message: `device ${device}, at ${address}, since ${connectedAt}` },
    {
      what: name,
      state: 'ok',
      message: `receives ${rate(before.bytesReceived, after.bytesReceived)}, sends ${rate(before.bytesSent, after.bytesSent)}`
    }
  ]
}

function absentPeer({ failures = [], targets = [] }: Partial<NetworkReport>, choice: string): readonly Finding[] {
  const failed = failures
    .filter(({ device }) => device.startsWith(choice))
    .map(({ device, code }): Finding => ({ what: device.slice(0, 8), state: 'bad', message: FAILURES[code] ?? code }))
  const tried = targets
    .filter(({ device }) => device?.startsWith(choice) === true)
    .map(({ address }): Finding => ({ what: choice, state: 'note', message: `tried at ${address} (TCP)` }))
  const nothing: Finding = {
    what: choice,
    state: 'bad',
    message: 'is not connected, and was not found',
    hint: 'Is backer running there, with the same key, and the same BACKER_BOOTSTRAP?'
  }
  return failed.length + tried.length > 0 ? [...failed, ...tried] : [nothing]
}

function describe({ what, state, message, hint }: Finding): string[] {
  const line = `${state.padEnd(4)}  ${what}: ${message}`
  return hint === undefined ? [line] : [line, `      ${hint}`]
}
