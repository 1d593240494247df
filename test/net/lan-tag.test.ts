import fc from 'fast-check'
import test from 'brittle'
import { createWriteKey, toReadKey } from '../../lib/core/model/keys.js'
import { lanKey, makeTags, recognise, tagOf } from '../../lib/net/lan-tag.js'

const keyOf = (number: number): Uint8Array => lanKey(createWriteKey(Buffer.alloc(32, number)))
const random = (length: number): Uint8Array => Buffer.alloc(length, 9)
const instance = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(bytes => Buffer.from(bytes).toString('hex'))

test('whoever holds the key of a folder recognises it, and nobody else', t => {
  const keys = fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(keys, instance, (numbers, name) => {
      const tags = makeTags(numbers.map(keyOf), name, random)
      const asked = new Map([...numbers, 250].map(number => [String(number), keyOf(number)]))
      const found = recognise(asked, name, tags)
      return found.length === numbers.length && !found.includes('250')
    })
  )
  t.pass()
})

test('readers and writers recognise each other', t => {
  const key = createWriteKey(Buffer.alloc(32, 1))
  t.alike(lanKey(toReadKey(key)), lanKey(key))
})

test('what is announced changes with the instance, and is neither key nor topic', t => {
  fc.assert(
    fc.property(instance, instance, (one, other) => {
      const same = Buffer.compare(tagOf(keyOf(1), one), tagOf(keyOf(1), other)) === 0
      return same === (one === other)
    })
  )
  const key = createWriteKey(Buffer.alloc(32, 1))
  const [tag] = makeTags([lanKey(key)], 'a'.repeat(16), () => Buffer.alloc(16, 255))
  t.absent(Buffer.from(key.folderPublicKey).includes(tag!) || Buffer.from(lanKey(key)).includes(tag!))
})

test('the number of tags tells little of the number of folders', t => {
  const count = (folders: number): number =>
    makeTags(
      Array.from({ length: folders }, (_, i) => keyOf(i)),
      'a'.repeat(16),
      random
    ).length
  t.alike([0, 1, 8, 9].map(count), [8, 8, 8, 16])
})
