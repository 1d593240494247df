import { hashAll, hashKeyed } from '../lib/core/model/hash.js'
import { PROTOCOL_VERSION } from './limits.js'

/** What both sides of a Noise session know of it, and nobody else can make up. */
export interface SessionFacts {
  /** Noise's handshake hash: other for each session. */
  readonly handshakeHash: Uint8Array
  readonly initiatorPublicKey: Uint8Array
  readonly responderPublicKey: Uint8Array
}

/** What a folder's key gives that readers and writers share. */
export interface FolderSecret {
  readonly folderPublicKey: Uint8Array
  readonly readSecret: Uint8Array
}

/**
 * The name under which a folder's channel is opened in one session: only who knows the key can say it or recognise it, so that nobody else
 * can even ask whether the folder is here.
 */
export function channelId(secret: FolderSecret, session: SessionFacts): Uint8Array {
  return hashKeyed(keyOf(secret), [label('channel'), ...partsOf(session)])
}

/**
 * One side's proof that it knows the key: bound to this session, to both devices, to the side and to the protocol's version, so that it can't
 * be replayed, reflected, or carried over to another version.
 */
export function proofOf(secret: FolderSecret, session: SessionFacts, side: 'initiator' | 'responder'): Uint8Array {
  return hashKeyed(keyOf(secret), [label(`proof ${side}`), ...partsOf(session)])
}

/** Compares in a time that does not depend on where two proofs differ. */
export function isSameProof(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.byteLength ^ b.byteLength
  for (let i = 0; i < a.byteLength; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

function keyOf({ folderPublicKey, readSecret }: FolderSecret): Uint8Array {
  return hashAll([label('capability'), folderPublicKey, readSecret])
}

function partsOf({ handshakeHash, initiatorPublicKey, responderPublicKey }: SessionFacts): Uint8Array[] {
  return [Uint8Array.of(PROTOCOL_VERSION), handshakeHash, initiatorPublicKey, responderPublicKey]
}

function label(purpose: string): Uint8Array {
  return Buffer.from(`backer ${purpose} v1\0`)
}
