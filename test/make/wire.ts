import crypto, { type KeyPair } from 'hypercore-crypto'
import c from 'compact-encoding'
import type { Test } from 'brittle'
import { encodeWith, type Codec } from '../../lib/core/codec.js'
import type { BackerError } from '../../lib/core/error.js'
import { createWriteKey } from '../../lib/core/model/keys.js'
import { realRuntime } from '../../lib/real-runtime.js'
import type { Runtime } from '../../lib/runtime.js'
import { Connection } from '../../protocol/connection.js'
import { duplexPair } from '../../protocol/duplex-pair.js'
import { secureStream, type NoiseStream } from '../../protocol/handshake.js'
import { helloCodec, openingCodec } from '../../protocol/messages.js'
import type { FolderLink, Hello, PeerHandlers, PeerLink } from '../../protocol/peer-link.js'
import type { Hash } from '../../lib/core/model/hash.js'
import { channelId, proofOf, type FolderSecret, type SessionFacts } from '../../protocol/proof.js'
import { replica } from './record.js'

/** For a machine that others use as well. */
const DEADLINE_MS = 60_000
const SPIN_MS = 100
const LOOK_MS = 5

/** The numbers of the messages on a folder's channel. */
export const NUMBERS = {
  hello: 0,
  head: 1,
  relayedHeads: 2,
  nodesRequest: 3,
  nodesAnswer: 4,
  have: 5,
  chunkRequest: 6,
  chunkAnswer: 7,
  cancel: 8,
  close: 9,
  ping: 10,
  pong: 11,
  roads: 12,
  pastRequest: 13,
  pastAnswer: 14,
  holdRequest: 15,
  holdAnswer: 16,
  obstacles: 17,
  news: 18
} as const

/** The key pair with this number. */
export function keyPairOf(number: number): KeyPair {
  return crypto.keyPair(Buffer.alloc(32, number))
}

/** What a folder's key gives, for the folder with this number. */
export function secretOf(number: number): FolderSecret {
  return createWriteKey(Buffer.alloc(32, number))
}

/** A runtime whose clock stands still until it is moved on. */
export function fakeRuntime(): { readonly runtime: Runtime; readonly advance: (ms: number) => void } {
  const waiting = new Set<{ readonly at: number; readonly callback: () => void }>()
  let now = 0
  const runtime: Runtime = {
    ...realRuntime(),
    clock: { now: () => now, monotonic: () => now },
    timers: {
      after(delayMs, callback) {
        const timer = { at: now + delayMs, callback }
        waiting.add(timer)
        return { cancel: () => waiting.delete(timer) }
      },
      breathe: () => turn()
    }
  }
  const advance = (ms: number): void => {
    now += ms
    for (const timer of [...waiting].filter(({ at }) => at <= now).sort((a, b) => a.at - b.at))
      if (waiting.delete(timer)) timer.callback()
  }
  return { runtime, advance }
}

/** Resolves when everything that waits in the event loop has had its turn. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** Lets in-memory streams say all that they have to say. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn()
}

/** Resolves once `condition` holds; fails loudly where it takes too long. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const start = Date.now()
  while (!condition()) {
    const waitedMs = Date.now() - start
    if (waitedMs > DEADLINE_MS) throw new Error(`waited in vain: ${what}`)
    // What needs other processes, or the network, gets on better where nobody spins.
    await (waitedMs < SPIN_MS ? turn() : new Promise(resolve => setTimeout(resolve, LOOK_MS)))
  }
}

/** Two ends of one Noise stream in memory. */
export async function noisePair(runtimes: readonly Runtime[] = []): Promise<[NoiseStream, NoiseStream]> {
  const [a, b] = duplexPair()
  const [forA = realRuntime(), forB = forA] = runtimes
  return Promise.all([
    secureStream(a, { keyPair: keyPairOf(1), runtime: forA }),
    secureStream(b, { keyPair: keyPairOf(2), runtime: forB })
  ])
}

/** A folder as an engine would hold it, which takes note of everything. */
export interface RecordedFolder {
  readonly link: FolderLink
  readonly peers: PeerLink[]
  /** For what each peer's connection ended. */
  readonly closed: (BackerError | undefined)[]
}

/** What the makers of folders may be told; the rest is filled in. */
export interface FolderParts {
  readonly number?: number
  readonly hello?: Hello
  readonly handlers?: SomeHandlers
}

/** What a device answers, chunk by chunk. */
export type SomeHandlers = Partial<PeerHandlers> & {
  readonly onChunk?: (hash: Hash) => Promise<Uint8Array | undefined>
}

/** A folder whose engine has nothing and does nothing, but for the given handlers. */
export function makeFolder({ number = 1, hello = helloOf('device'), handlers = {} }: FolderParts = {}): RecordedFolder {
  const peers: PeerLink[] = []
  const closed: (BackerError | undefined)[] = []
  const { onChunk = () => Promise.resolve(undefined), ...others } = handlers
  const onpeer = (peer: PeerLink): PeerHandlers => {
    peers.push(peer)
    return {
      onHead: () => undefined,
      onRelayedHeads: () => undefined,
      onHave: () => undefined,
      onObstacles: () => undefined,
      onNews: () => undefined,
      onNodes: hashes => hashes.map(() => undefined),
      onContentNodes: (_content, hashes) => hashes.map(() => undefined),
      onPast: () => Promise.resolve({ snapshots: [], revisions: [] }),
      onHold: () => Promise.resolve(undefined),
      onChunks: asked => Promise.all(asked.map(({ hash }) => onChunk(hash))),
      onClose: reason => void closed.push(reason),
      ...others
    }
  }
  return { link: { ...secretOf(number), hello, onpeer }, peers, closed }
}

export function helloOf(name: string): Hello {
  return { name, role: 'writer', replica: replica(7) }
}

/** Two devices of a folder that have met. */
export async function meet(
  t: Pick<Test, 'teardown'>,
  a: RecordedFolder,
  b: RecordedFolder,
  runtimes: readonly Runtime[] = []
): Promise<{ readonly toB: PeerLink; readonly toA: PeerLink; readonly connections: readonly Connection[] }> {
  const streams = await noisePair(runtimes)
  const [runtime = realRuntime(), other = runtime] = runtimes
  const connections = [Connection.over(streams[0], { runtime }), Connection.over(streams[1], { runtime: other })]
  t.teardown(() => connections.forEach(connection => connection.destroy()))
  const before = [a.peers.length, b.peers.length]
  connections[0]?.offer(a.link, { initiate: true })
  connections[1]?.offer(b.link, { initiate: false })
  await until('they meet', () => a.peers.length > (before[0] ?? 0) && b.peers.length > (before[1] ?? 0))
  return { toB: a.peers.at(-1)!, toA: b.peers.at(-1)!, connections }
}

/** Somebody who speaks frame by frame, and so can say what no device of ours would. */
export interface Speaker {
  readonly stream: NoiseStream
  /** Every frame that came. */
  readonly heard: Uint8Array[]
  readonly facts: SessionFacts
  /** This side, for proofs. */
  readonly side: 'initiator' | 'responder'
  readonly say: (...parts: (number | Uint8Array)[]) => void
  /** Opens channel `channel` under `id` with an opening's bytes. */
  readonly open: (channel: number, id: Uint8Array, opening: Uint8Array) => void
  readonly tell: <T>(number: number, codec: Codec<T>, value: T) => void
}

/** A device with `folder` at one end, and at the other somebody who speaks frame by frame. */
export async function meetSpeaker(
  t: Test,
  folder: RecordedFolder,
  { initiate = false, runtime = realRuntime() }: { readonly initiate?: boolean; readonly runtime?: Runtime } = {}
): Promise<{ readonly speaker: Speaker; readonly connection: Connection }> {
  const [ours, theirs] = await noisePair([runtime])
  const connection = Connection.over(ours, { runtime })
  connection.offer(folder.link, { initiate })
  t.teardown(() => {
    connection.destroy()
    theirs.destroy()
  })
  return { speaker: makeSpeaker(theirs), connection }
}

export function makeSpeaker(stream: NoiseStream): Speaker {
  const heard: Uint8Array[] = []
  stream.on('data', (frame: Uint8Array) => heard.push(Uint8Array.from(frame)))
  stream.on('end', () => stream.end())
  const say = (...parts: (number | Uint8Array)[]): void => {
    stream.write(Buffer.concat(parts.map(part => (typeof part === 'number' ? encodeWith(c.uint, part) : part))))
  }
  const [initiatorPublicKey, responderPublicKey] = stream.isInitiator
    ? [stream.publicKey, stream.remotePublicKey]
    : [stream.remotePublicKey, stream.publicKey]
  return {
    stream,
    heard,
    facts: { handshakeHash: stream.handshakeHash!, initiatorPublicKey, responderPublicKey },
    side: stream.isInitiator ? 'initiator' : 'responder',
    say,
    open(channel, id, opening) {
      const protocol = Buffer.from('backer/folder')
      say(0, 1, channel, protocol.byteLength, protocol, id.byteLength, id, opening)
    },
    tell: (number, codec, value) => say(1, number, encodeWith(codec, value))
  }
}

/** Proves the key and says hello, as any device of the folder would. */
export async function introduce(speaker: Speaker, folder: RecordedFolder): Promise<void> {
  const proof = proofOf(folder.link, speaker.facts, speaker.side)
  const before = folder.peers.length
  speaker.open(1, channelId(folder.link, speaker.facts), encodeWith(openingCodec, { proof }))
  speaker.tell(NUMBERS.hello, helloCodec, helloOf('speaker'))
  await until('the speaker is known', () => folder.peers.length > before)
}
