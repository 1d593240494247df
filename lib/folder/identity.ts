import type { KeyPair } from 'hypercore-crypto'
import { encodeWith } from '../core/codec.js'
import { BackerError } from '../core/error.js'
import { makeCertificate, type DeviceCertificate } from '../core/model/certificate.js'
import type { Hash } from '../core/model/hash.js'
import { signedHeadCodec, signHead } from '../core/model/head.js'
import { folderId, type FolderKey } from '../core/model/keys.js'
import type { Role } from '../core/model/role.js'
import type { ReplicaId } from '../core/model/version.js'

/** What a head says beside who signs it. */
export interface HeadFacts {
  readonly root: Hash
  readonly sequence: number
  readonly replica: ReplicaId
  readonly timeMs: number
}

/** Who this device is in one folder, and what it may do there. */
export interface Identity {
  readonly key: FolderKey
  readonly folderId: string
  readonly deviceKeyPair: KeyPair
  readonly deviceName: string
  /** undefined on a device that may only read. */
  readonly certificate: DeviceCertificate | undefined
  readonly role: Role
  /** A signed head in its wire bytes; undefined on a device that may only read. */
  signHead(facts: HeadFacts): Uint8Array | undefined
}

/** Makes a device's identity in the folder of `key`. A write key certifies the device by itself, unless it only receives. Throws KEY_KIND where it may not send. */
export function makeIdentity(
  key: FolderKey,
  deviceKeyPair: KeyPair,
  deviceName: string,
  nowMs: number,
  role: Role = 'mirror'
): Identity {
  if (role === 'send-only' && key.kind !== 'write')
    throw new BackerError('KEY_KIND', 'only a device that has the write key has anything to send')
  const certificate =
    key.kind === 'write' && role !== 'receive-only'
      ? makeCertificate({ key, device: deviceKeyPair.publicKey, issuedMs: nowMs })
      : undefined
  return {
    key,
    folderId: folderId(key),
    deviceKeyPair,
    deviceName,
    certificate,
    role,
    signHead(facts) {
      if (certificate === undefined) return undefined
      const head = { ...facts, device: deviceKeyPair.publicKey }
      return encodeWith(
        signedHeadCodec,
        signHead(head, { publicKey: key.folderPublicKey, certificate }, deviceKeyPair.secretKey)
      )
    }
  }
}

/** A device's id: its public key in hexadecimal. */
export function deviceIdOf({ deviceKeyPair }: Pick<Identity, 'deviceKeyPair'>): string {
  return Buffer.from(deviceKeyPair.publicKey).toString('hex')
}
