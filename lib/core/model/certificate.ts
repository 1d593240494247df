import b4a from 'b4a'
import crypto from 'hypercore-crypto'
import { encodeWith, fixed, uint, type Codec } from '../codec.js'
import { BackerError } from '../error.js'
import { folderKeyPair, PUBLIC_KEY_BYTES, type WriteKey } from './keys.js'

export const SIGNATURE_BYTES = 64

/** A folder's word that a device may write: signed with the folder's own key, which only a write key gives. */
export interface DeviceCertificate {
  /** The device's Ed25519 public key. */
  readonly device: Uint8Array
  /** Milliseconds since 1970. */
  readonly issuedMs: number
  readonly signature: Uint8Array
}

const deviceKey = fixed(PUBLIC_KEY_BYTES)
const signature = fixed(SIGNATURE_BYTES)

/** Certifies a device. Ed25519 signatures are deterministic: the same facts give the same bytes. */
export function makeCertificate(facts: {
  readonly key: WriteKey
  readonly device: Uint8Array
  readonly issuedMs: number
}): DeviceCertificate {
  const { key, device, issuedMs } = facts
  const { publicKey, secretKey } = folderKeyPair(key.seed)
  return { device, issuedMs, signature: crypto.sign(signedBytes(publicKey, device, issuedMs), secretKey) }
}

/** Throws FORGED unless the folder's own key signed it. */
export function verifyCertificate(certificate: DeviceCertificate, folderPublicKey: Uint8Array): void {
  const message = signedBytes(folderPublicKey, certificate.device, certificate.issuedMs)
  if (!crypto.verify(message, certificate.signature, folderPublicKey)) {
    throw new BackerError('FORGED', 'a device certificate was not signed with the key of this folder')
  }
}

/** True where nothing tells two certificates apart. */
export function sameCertificate(a: DeviceCertificate, b: DeviceCertificate): boolean {
  return b4a.equals(a.device, b.device) && a.issuedMs === b.issuedMs && b4a.equals(a.signature, b.signature)
}

function signedBytes(folderPublicKey: Uint8Array, device: Uint8Array, issuedMs: number): Uint8Array {
  return Buffer.concat([
    Buffer.from('backer device certificate v1\0writer\0'),
    folderPublicKey,
    device,
    encodeWith(uint, issuedMs)
  ])
}

export const certificateCodec: Codec<DeviceCertificate> = {
  preencode(state, certificate) {
    deviceKey.preencode(state, certificate.device)
    uint.preencode(state, certificate.issuedMs)
    signature.preencode(state, certificate.signature)
  },
  encode(state, certificate) {
    deviceKey.encode(state, certificate.device)
    uint.encode(state, certificate.issuedMs)
    signature.encode(state, certificate.signature)
  },
  decode(state) {
    return {
      device: Uint8Array.from(deviceKey.decode(state)),
      issuedMs: uint.decode(state),
      signature: Uint8Array.from(signature.decode(state))
    }
  }
}
