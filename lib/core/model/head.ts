import crypto from 'hypercore-crypto'
import { bytesOf, encodeWith, fixed, need, uint, type Codec } from '../codec.js'
import { BackerError } from '../error.js'
import {
  certificateCodec,
  SIGNATURE_BYTES,
  sameCertificate,
  verifyCertificate,
  type DeviceCertificate
} from './certificate.js'
import { hashCodec, type Hash } from './hash.js'
import { PUBLIC_KEY_BYTES } from './keys.js'
import { REPLICA_BYTES, replicaFromBytes, type ReplicaId } from './version.js'

/** A device's statement: "as replica R, my tree is `root`, and this is my `sequence`-th such statement". */
export interface Head {
  readonly device: Uint8Array
  readonly replica: ReplicaId
  readonly sequence: number
  readonly root: Hash
  /** Milliseconds since 1970 by the device's own clock: for people; nothing is decided by it. */
  readonly timeMs: number
}

/** A head, the device's signature of it, and the folder's word that the device may write. */
export interface SignedHead {
  readonly head: Head
  readonly certificate: DeviceCertificate
  readonly signature: Uint8Array
}

const deviceKey = fixed(PUBLIC_KEY_BYTES)
const signatureBytes = fixed(SIGNATURE_BYTES)

const headCodec: Codec<Head> = {
  preencode(state, head) {
    deviceKey.preencode(state, head.device)
    state.end += REPLICA_BYTES
    uint.preencode(state, head.sequence)
    hashCodec.preencode(state, head.root)
    uint.preencode(state, head.timeMs)
  },
  encode(state, head) {
    deviceKey.encode(state, head.device)
    bytesOf(state).set(Buffer.from(head.replica, 'hex'), state.start)
    state.start += REPLICA_BYTES
    uint.encode(state, head.sequence)
    hashCodec.encode(state, head.root)
    uint.encode(state, head.timeMs)
  },
  decode(state) {
    const device = Uint8Array.from(deviceKey.decode(state))
    need(state, REPLICA_BYTES)
    const replica = replicaFromBytes(bytesOf(state).subarray(state.start, state.start + REPLICA_BYTES))
    state.start += REPLICA_BYTES
    return { device, replica, sequence: uint.decode(state), root: hashCodec.decode(state), timeMs: uint.decode(state) }
  }
}

/** A signed head: the head, the certificate, the signature. */
export const signedHeadCodec: Codec<SignedHead> = {
  preencode(state, signed) {
    headCodec.preencode(state, signed.head)
    certificateCodec.preencode(state, signed.certificate)
    signatureBytes.preencode(state, signed.signature)
  },
  encode(state, signed) {
    headCodec.encode(state, signed.head)
    certificateCodec.encode(state, signed.certificate)
    signatureBytes.encode(state, signed.signature)
  },
  decode(state) {
    return {
      head: headCodec.decode(state),
      certificate: certificateCodec.decode(state),
      signature: Uint8Array.from(signatureBytes.decode(state))
    }
  }
}

/** Signs a head for the folder of the certificate's issuer. */
export function signHead(
  head: Head,
  folder: { readonly publicKey: Uint8Array; readonly certificate: DeviceCertificate },
  secretKey: Uint8Array
): SignedHead {
  return {
    head,
    certificate: folder.certificate,
    signature: crypto.sign(signedBytes(head, folder.publicKey), secretKey)
  }
}

/**
 * Throws FORGED unless the folder certified the device, and the device signed the head for this folder. `verified`: a certificate that was verified
 * before, for this folder: the same one need not be verified again.
 */
export function verifySignedHead(signed: SignedHead, folderPublicKey: Uint8Array, verified?: DeviceCertificate): void {
  if (verified === undefined || !sameCertificate(signed.certificate, verified))
    verifyCertificate(signed.certificate, folderPublicKey)
  if (!Buffer.from(signed.certificate.device).equals(signed.head.device)) {
    throw new BackerError('FORGED', "a head comes with another device's certificate")
  }
  if (!crypto.verify(signedBytes(signed.head, folderPublicKey), signed.signature, signed.head.device)) {
    throw new BackerError('FORGED', 'a head was not signed by the device that it names')
  }
}

function signedBytes(head: Head, folderPublicKey: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('backer head v1\0'), folderPublicKey, encodeWith(headCodec, head)])
}
