import { randomBytes } from 'node:crypto'
import type { KeyPair } from 'hypercore-crypto'
import { BackerError } from '../core/error.js'
import { hashBytes } from '../core/model/hash.js'
import { createPrivateFile, readIfThere } from './private-file.js'

const SEED_BYTES = 32
const FORM = /^backer-device-1 ([0-9a-f]{64}) ([0-9a-f]{8})\n?$/

/**
 * The Ed25519 key pair whose seed is in `file`: who this device is to all others. Made at first use; where two processes make it at
 * once, both get the same. Throws MALFORMED where the file is damaged; it is never replaced, because a new key would be a new device.
 */
export async function readDeviceKey(file: string): Promise<KeyPair> {
  const text = (await readIfThere(file)) ?? (await makeDeviceKey(file))
  const [, seedHex = '', checksum] = FORM.exec(text) ?? []
  const seed = Buffer.from(seedHex, 'hex')
  if (seed.byteLength !== SEED_BYTES || checksumOf(seed) !== checksum) {
    throw new BackerError('MALFORMED', `this device's key ${file} is damaged`, {
      path: file,
      hint: 'Put it back from a backup, or move it away to become a new device.'
    })
  }
  const { default: crypto } = await import('hypercore-crypto')
  return crypto.keyPair(seed)
}

async function makeDeviceKey(file: string): Promise<string> {
  const seed = randomBytes(SEED_BYTES)
  const text = `backer-device-1 ${seed.toString('hex')} ${checksumOf(seed)}\n`
  if (await createPrivateFile(file, text)) return text
  return (await readIfThere(file)) ?? text
}

function checksumOf(seed: Uint8Array): string {
  return Buffer.from(hashBytes(seed)).toString('hex', 0, 4)
}
