import { connect } from 'node:net'
import { asHash } from '../../lib/core/model/hash.js'
import { parseKey } from '../../lib/core/model/key-text.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { Connection } from '../../protocol/connection.js'
import { secureStream } from '../../protocol/handshake.js'
import type { PeerHandlers, PeerLink } from '../../protocol/peer-link.js'
import { helloOf, keyPairOf } from '../make/wire.js'
import { requestChunk } from '../make/request-chunk.js'

/**
 * A program that connects to a device on a port, with a key, and asks for one chunk over and over, many times at once. Arguments: port, key,
 * the chunk's hash in hexadecimal, its length. Says how many answers it has had whenever it is sent a line, and ends with its stdin.
 */
const [port, keyText, hex, length] = process.argv.slice(2)
const AT_ONCE = 200
const key = parseKey(keyText ?? '')
if (key.kind === 'store') throw new Error('a store key opens nothing')
const hash = asHash(Buffer.from(hex ?? '', 'hex'))
const runtime = realRuntime()
const socket = connect(Number(port), '127.0.0.1')
const noise = await secureStream(socket, { keyPair: keyPairOf(240), runtime })
let answers = 0

function onpeer(peer: PeerLink): PeerHandlers {
  for (let i = 0; i < AT_ONCE; i++) void askOn(peer)
  return {
    onHead: () => undefined,
    onRelayedHeads: () => undefined,
    onHave: () => undefined,
    onObstacles: () => undefined,
    onNews: () => undefined,
    onNodes: hashes => hashes.map(() => undefined),
    onContentNodes: (_content, hashes) => hashes.map(() => undefined),
    onChunks: asked => Promise.resolve(asked.map(() => undefined)),
    onPast: () => Promise.resolve({ snapshots: [], revisions: [] }),
    onHold: () => Promise.resolve(undefined),
    onClose: () => process.exit(1)
  }
}

async function askOn(peer: PeerLink): Promise<void> {
  for (;;) {
    await requestChunk(peer, hash, Number(length))
    answers++
  }
}

const { folderPublicKey, readSecret } = key
Connection.over(noise, { runtime }).offer(
  { folderPublicKey, readSecret, hello: helloOf('flooder'), onpeer },
  { initiate: true }
)
process.stdin.on('data', () => console.log(answers))
process.stdin.on('end', () => process.exit(0))
