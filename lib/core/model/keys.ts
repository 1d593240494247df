import crypto, { type KeyPair } from 'hypercore-crypto'
import z32 from 'z32'
import { BackerError } from '../error.js'
import { hashAll } from './hash.js'

export const SEED_BYTES = 32
export const READ_SECRET_BYTES = 16
export const PUBLIC_KEY_BYTES = 32
/** What console.log and node:util ask an object for its printed form by. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** May read, change and certify devices. */
export interface WriteKey {
  readonly kind: 'write'
  readonly seed: Uint8Array
  readonly folderPublicKey: Uint8Array
  readonly readSecret: Uint8Array
}

/** May read and pass on; can forge nothing. */
export interface ReadKey {
  readonly kind: 'read'
  readonly folderPublicKey: Uint8Array
  readonly readSecret: Uint8Array
}

/** May hold and pass on what it can't read. */
export interface StoreKey {
  readonly kind: 'store'
  readonly folderPublicKey: Uint8Array
}

/**
 * What a device holds of a folder's key. A greater one gives every lesser one, never the other way round. Printed or turned into JSON it shows
 * its kind and its folder only: the way out for its secrets is `formatKey`.
 */
export type FolderKey = WriteKey | ReadKey | StoreKey

/** The write key that 32 random bytes make. Throws KEY_LENGTH. */
export function createWriteKey(seed: Uint8Array): WriteKey {
  if (seed.byteLength !== SEED_BYTES) throw new BackerError('KEY_LENGTH', `a write key has ${SEED_BYTES} bytes`)
  const readSecret = derive('backer read secret v1', seed).slice(0, READ_SECRET_BYTES)
  return guarded({ kind: 'write', seed, folderPublicKey: folderKeyPair(seed).publicKey, readSecret })
}

/** The folder's own Ed25519 key pair, from a write key's seed. */
export function folderKeyPair(seed: Uint8Array): KeyPair {
  return crypto.keyPair(derive('backer folder key pair v1', seed))
}

export function toReadKey(key: WriteKey | ReadKey): ReadKey {
  return guarded({ kind: 'read', folderPublicKey: key.folderPublicKey, readSecret: key.readSecret })
}

export function toStoreKey(key: FolderKey): StoreKey {
  return guarded({ kind: 'store', folderPublicKey: key.folderPublicKey })
}

/** Where devices of a folder meet on the DHT: tells nothing of the key. Source: hypercore-crypto's discoveryKey. */
export function topicOf(key: FolderKey): Uint8Array {
  return crypto.discoveryKey(key.folderPublicKey)
}

/** The folder's id: its public key in z-base-32, 52 letters. */
export function folderId(key: FolderKey): string {
  return z32.encode(key.folderPublicKey)
}

/** Keeps a key's secrets out of logs and dumps that it gets into by accident. */
function guarded<K extends FolderKey>(key: K): K {
  const shown = (): string => `${key.kind} key of ${folderId(key)}`
  return Object.defineProperties(key, { toJSON: { value: shown }, [INSPECT]: { value: shown } })
}

/** One-way: knowing what comes out tells nothing of the seed, nor of what it gives for another purpose. */
function derive(purpose: string, seed: Uint8Array): Uint8Array {
  return hashAll([Buffer.from(`${purpose}\0`), seed])
}
