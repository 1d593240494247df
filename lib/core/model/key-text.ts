import z32 from 'z32'
import { BackerError } from '../error.js'
import { hashAll } from './hash.js'
import {
  createWriteKey,
  PUBLIC_KEY_BYTES,
  READ_SECRET_BYTES,
  SEED_BYTES,
  toReadKey,
  toStoreKey,
  type FolderKey
} from './keys.js'

const CHECKSUM_BYTES = 5
const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769'

/** What stands between `backer-` and the letters, and how many bytes the letters carry, for each kind of key. */
const KINDS = {
  rw: { kind: 'write', bytes: SEED_BYTES, name: 'write key' },
  ro: { kind: 'read', bytes: PUBLIC_KEY_BYTES + READ_SECRET_BYTES, name: 'read key' },
  st: { kind: 'store', bytes: PUBLIC_KEY_BYTES, name: 'store key' }
} as const
type Tag = keyof typeof KINDS

/** A key's text form: `backer-rw-…`, `backer-ro-…` or `backer-st-…`, in z-base-32 with a checksum. It is a secret, but for a store key's. */
export function formatKey(key: FolderKey): string {
  const [tag, payload] = payloadOf(key)
  return `backer-${tag}-${z32.encode(Buffer.concat([payload, checksum(tag, payload)]))}`
}

function payloadOf(key: FolderKey): [Tag, Uint8Array] {
  if (key.kind === 'write') return ['rw', key.seed]
  if (key.kind === 'read') return ['ro', Buffer.concat([key.folderPublicKey, key.readSecret])]
  return ['st', key.folderPublicKey]
}

/**
 * The key that a text is; white space round it, capital letters and `backer://` in front do not matter. Throws KEY_KIND, KEY_LENGTH,
 * KEY_ALPHABET or KEY_TYPO with a sentence that says which mistake it is; the key itself is never repeated.
 */
export function parseKey(text: string): FolderKey {
  const plain = text
    .trim()
    .toLowerCase()
    .replace(/^backer:\/\//, '')
  const match = /^backer-([^-]*)-(.*)$/s.exec(plain)
  const tag = match?.[1]
  if (tag === undefined || !Object.hasOwn(KINDS, tag)) throw unknownKind(tag)
  const letters = match?.[2] ?? ''
  checkLetters(letters)
  return keyOf(tag as Tag, letters)
}

function unknownKind(tag: string | undefined): BackerError {
  const message =
    tag === undefined ? 'that is not a key of backer' : `there is no kind of key called "${tag.slice(0, 8)}"`
  return new BackerError('KEY_KIND', message, { hint: 'A key begins with backer-rw-, backer-ro- or backer-st-.' })
}

function checkLetters(letters: string): void {
  for (const [i, letter] of Array.from(letters).entries()) {
    if (ALPHABET.includes(letter)) continue
    const shown = /[\p{L}\p{N}\p{P}]/u.test(letter) ? `"${letter}"` : 'a character'
    throw new BackerError('KEY_ALPHABET', `the key has ${shown} at place ${i + 1} of its letters, which no key has`, {
      hint: `Keys are made of the letters ${ALPHABET}: there is no l, v, 0 or 2.`
    })
  }
}

function keyOf(tag: Tag, letters: string): FolderKey {
  const { bytes, name } = KINDS[tag]
  const expected = Math.ceil(((bytes + CHECKSUM_BYTES) * 8) / 5)
  const off = letters.length - expected
  if (off !== 0) {
    const by = `${Math.abs(off)} ${Math.abs(off) === 1 ? 'letter' : 'letters'}`
    throw new BackerError('KEY_LENGTH', `the ${name} is ${by} too ${off > 0 ? 'long' : 'short'}`, {
      hint: 'Copy the whole key.'
    })
  }
  const decoded = z32.decode(letters)
  const payload = decoded.subarray(0, bytes)
  const isSame = z32.encode(Buffer.concat([payload, checksum(tag, payload)])) === letters
  if (!isSame) {
    throw new BackerError('KEY_TYPO', `the ${name} has a typo: its checksum does not match`, {
      hint: 'Compare it letter by letter, or copy it again.'
    })
  }
  return makeKey(tag, Uint8Array.from(payload))
}

function makeKey(tag: Tag, payload: Uint8Array): FolderKey {
  if (tag === 'rw') return createWriteKey(payload)
  const folderPublicKey = payload.slice(0, PUBLIC_KEY_BYTES)
  if (tag === 'st') return toStoreKey({ kind: 'store', folderPublicKey })
  return toReadKey({ kind: 'read', folderPublicKey, readSecret: payload.slice(PUBLIC_KEY_BYTES) })
}

function checksum(tag: Tag, payload: Uint8Array): Uint8Array {
  return hashAll([Buffer.from(`backer key checksum v1 ${tag}\0`), payload]).subarray(0, CHECKSUM_BYTES)
}
