import type { KeyPair } from 'hypercore-crypto'
import { encodeWith } from '../core/codec.js'
import { makeCertificate, type DeviceCertificate } from '../core/model/certificate.js'
import type { Hash } from '../core/model/hash.js'
import { signedHeadCodec, signHead } from '../core/model/head.js'
import { folderId, type FolderKey } from '../core/model/keys.js'
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
  /** A signed head in its wire bytes; undefined on a device that may only read. */
  signHead(facts: HeadFacts): Uint8Array | undefined
}

/** Makes a device's identity in the folder of `key`. A write key certifies the device by itself. */
export function makeIdentity(key: FolderKey, deviceKeyPair: KeyPair, deviceName: string, nowMs: number): Identity {
  const certificate =
    key.kind === 'write' ? makeCertificate({ key, device: deviceKeyPair.publicKey, issuedMs: nowMs }) : undefined
  return {
    key,
    folderId: folderId(key),
    deviceKeyPair,
    deviceName,
    certificate,
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
