import { inspect } from 'node:util'
import test from 'brittle'
import fc from 'fast-check'
import { parseKey, formatKey } from '../../../lib/core/model/key-text.js'
import {
  createWriteKey,
  folderId,
  folderKeyPair,
  toReadKey,
  toStoreKey,
  topicOf,
  type FolderKey
} from '../../../lib/core/model/keys.js'
import { codeThrownBy } from '../../make/thrown.js'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('A6: all keys of a folder have one id and one topic, and neither is the public key', t => {
  fc.assert(
    fc.property(seeds, seed => {
      const write = createWriteKey(seed)
      const keys: FolderKey[] = [write, toReadKey(write), toStoreKey(write), toStoreKey(toReadKey(write))]
      const publicKey = hex(write.folderPublicKey)
      return (
        new Set(keys.map(folderId)).size === 1 &&
        folderId(write).length === 52 &&
        new Set(keys.map(key => hex(topicOf(key)))).size === 1 &&
        hex(topicOf(write)) !== publicKey &&
        publicKey === hex(folderKeyPair(seed).publicKey)
      )
    }),
    { numRuns: 50 }
  )
  t.pass()
})

test('B7: a lesser key holds nothing of a greater one', t => {
  fc.assert(
    fc.property(seeds, seed => {
      const write = createWriteKey(seed)
      const read = allBytes(toReadKey(write))
      const store = allBytes(toStoreKey(write))
      const readSecret = hex(write.readSecret)
      return !read.includes(hex(seed)) && read.includes(readSecret) && !store.includes(readSecret)
    }),
    { numRuns: 50 }
  )
  t.pass()
})

test('other seeds make other keys, in every part', t => {
  const parts = new Set<string>()
  for (let i = 0; i < 32; i++) {
    const seed = new Uint8Array(32)
    seed[i] = 1
    const key = createWriteKey(seed)
    for (const part of [key.folderPublicKey, key.readSecret, topicOf(key)]) parts.add(hex(part))
  }
  t.is(parts.size, 3 * 32)
})

test('a seed of another length makes no key', t => {
  for (const length of [0, 31, 33])
    t.is(
      codeThrownBy(() => createWriteKey(new Uint8Array(length))),
      'KEY_LENGTH'
    )
})

test('a key that is printed, logged or turned into JSON shows no secret', t => {
  const write = createWriteKey(Uint8Array.from({ length: 32 }, (_, i) => 200 - i))
  const keys = [write, toReadKey(write), toStoreKey(write)]
  for (const key of [...keys, ...keys.map(formatKey).map(parseKey)]) {
    const shown = [JSON.stringify({ key }), inspect({ key }, { depth: 9 }), inspect(key), JSON.stringify([key])]
    for (const text of shown) {
      t.ok(text.includes(`${key.kind} key of ${folderId(key)}`), text)
      for (const secret of [write.seed, write.readSecret]) {
        const forms = [
          hex(secret),
          Buffer.from(secret).toString('base64'),
          [...secret].join(','),
          [...secret].join(', ')
        ]
        t.absent(forms.some(form => text.includes(form)))
      }
      t.absent(text.includes('200'), 'nor its first byte')
    }
  }
})

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** All bytes that an object holds, in hexadecimal. */
function allBytes(value: object): string {
  return Object.values(value)
    .map((part: unknown) => (part instanceof Uint8Array ? hex(part) : ''))
    .join(' ')
}
