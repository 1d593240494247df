import type { Duplex } from 'node:stream'
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { KeyPair } from 'hypercore-crypto'
import { BackerError, messageOf } from '../lib/core/error.js'
import type { Runtime } from '../lib/runtime.js'
import { duplexPair } from './duplex-pair.js'
import { capFrames } from './frame-cap.js'
import { LeanNoiseStream } from './lean-stream.js'
import { HANDSHAKE_DEADLINE_MS, PROTOCOL_VERSION, UNPROVEN_FRAME_BYTES } from './limits.js'

export type NoiseStream = NoiseSecretStream

export interface HandshakeOptions {
  readonly keyPair: KeyPair
  readonly runtime: Runtime
  /** See LeanOptions. */
  readonly isOwnSocket?: boolean
}

const MAGIC = Buffer.from('backer\0')
const NONCE_BYTES = 24
const GREETING_BYTES = MAGIC.byteLength + 1 + NONCE_BYTES

/**
 * Makes a Noise stream of any duplex of bytes; both sides make the same call. A stream that is one already (such as Hyperswarm's) is given
 * back as it is: nothing is encrypted twice.
 *
 * Both sides greet (`protocol/README.md`, "Greeting"); whoever drew the greater number is Noise's initiator. Rejects with MALFORMED
 * where the other side is no backer, VERSION where it speaks another version, TIMEOUT after HANDSHAKE_DEADLINE_MS, PEER_GONE where the
 * stream ends; the raw stream is destroyed then. Source: The Noise Protocol Framework, revision 34, pattern XX.
 */
export async function secureStream(raw: Duplex, options: HandshakeOptions): Promise<NoiseStream> {
  const { keyPair, runtime, isOwnSocket = false } = options
  let timeout: BackerError | undefined
  const deadline = runtime.timers.after(HANDSHAKE_DEADLINE_MS, () => {
    timeout = new BackerError('TIMEOUT', 'the other side did not finish the handshake in time')
    raw.destroy(timeout)
  })
  // An error that comes when nobody waits any more has nowhere to go.
  raw.on('error', () => undefined)
  try {
    if (isNoise(raw)) return await opened(raw)
    const isInitiator = await greet(raw, runtime.random.bytes(NONCE_BYTES))
    if (raw.readableEnded) throw new BackerError('PEER_GONE', 'the connection ended behind its greeting')
    resumeOnceHeard(raw, () => capFrames(noise, runtime, () => (noise.connected ? undefined : UNPROVEN_FRAME_BYTES)))
    const noise = new LeanNoiseStream(isInitiator, raw, { keyPair, isOwnSocket })
    noise.on('error', () => undefined)
    const onEnd = (): void => void noise.destroy()
    raw.once('end', onEnd)
    await opened(noise)
    raw.off('end', onEnd)
    return noise
  } catch (error) {
    raw.destroy()
    throw timeout ?? error
  } finally {
    deadline.cancel()
  }
}

/** One end of a line to be: `outer` is for whoever has the other end; `noise` resolves once both have shaken hands. */
export function openEnd(options: { readonly keyPair: Promise<KeyPair>; readonly runtime: Runtime }): {
  readonly outer: Duplex
  readonly noise: Promise<NoiseStream>
} {
  const [outer, inner] = duplexPair()
  inner.on('error', () => undefined)
  const noise = options.keyPair.then(keyPair => secureStream(inner, { keyPair, runtime: options.runtime }))
  return { outer, noise }
}

function isNoise(stream: Duplex): stream is NoiseStream {
  return 'noiseStream' in stream && stream.noiseStream === stream
}

async function opened(noise: NoiseStream): Promise<NoiseStream> {
  if (!(await noise.opened)) throw new BackerError('PEER_GONE', 'the connection ended during the handshake')
  return noise
}

/** Exchanges greetings; true where this side is the initiator. What the other side sent after its greeting stays in the stream. */
async function greet(raw: Duplex, nonce: Uint8Array): Promise<boolean> {
  raw.write(Buffer.concat([MAGIC, Uint8Array.of(PROTOCOL_VERSION), nonce]))
  const theirs = await readExactly(raw, GREETING_BYTES)
  if (!theirs.subarray(0, MAGIC.byteLength).equals(MAGIC))
    throw new BackerError('MALFORMED', 'the other side does not speak the protocol of backer')
  const version = theirs[MAGIC.byteLength]
  if (version !== PROTOCOL_VERSION) {
    throw new BackerError('VERSION', `the other side speaks protocol ${version ?? 0}, this is ${PROTOCOL_VERSION}`, {
      hint: 'Update the older of the two.'
    })
  }
  const order = Buffer.compare(nonce, theirs.subarray(MAGIC.byteLength + 1))
  if (order === 0) throw new BackerError('MALFORMED', 'the stream leads back to itself')
  return order > 0
}

/** The stream was paused with what came behind the greeting in it; it goes on as soon as somebody listens. */
function resumeOnceHeard(raw: Duplex, onHeard: () => void): void {
  const onListener = (event: string | symbol): void => {
    if (event !== 'data') return
    raw.off('newListener', onListener)
    queueMicrotask(() => {
      onHeard()
      raw.resume()
    })
  }
  raw.on('newListener', onListener)
}

function readExactly(raw: Duplex, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0)
    const onData = (bytes: Uint8Array): void => {
      got = Buffer.concat([got, bytes])
      if (got.byteLength < length) return
      stop()
      raw.pause()
      if (got.byteLength > length) raw.unshift(got.subarray(length))
      resolve(got.subarray(0, length))
    }
    const onEnd = (error?: unknown): void => {
      stop()
      reject(
        error instanceof BackerError
          ? error
          : new BackerError(
              'PEER_GONE',
              `the connection ended${error instanceof Error ? `: ${messageOf(error)}` : ''}`,
              { cause: error }
            )
      )
    }
    const stop = (): void => {
      raw.off('data', onData)
      raw.off('end', onEnd)
      raw.off('error', onEnd)
      raw.off('close', onEnd)
    }
    raw.on('data', onData)
    raw.on('end', onEnd)
    raw.on('error', onEnd)
    raw.on('close', onEnd)
  })
}
