import test from 'brittle'
import fc from 'fast-check'
import { isBackerError } from '../../../lib/core/error.js'
import { formatKey, parseKey } from '../../../lib/core/model/key-text.js'
import { createWriteKey, toReadKey, toStoreKey, type FolderKey } from '../../../lib/core/model/keys.js'
import { codeThrownBy } from '../../make/thrown.js'

const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769'
const write = createWriteKey(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))
const keys: readonly FolderKey[] = [write, toReadKey(write), toStoreKey(write)]
const PREFIX_LENGTH = 'backer-rw-'.length

test('a key survives being written down and read again', t => {
  const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(seeds, seed => {
      const key = createWriteKey(seed)
      return [key, toReadKey(key), toStoreKey(key)].every(each => plain(parseKey(formatKey(each))) === plain(each))
    }),
    { numRuns: 30 }
  )
  for (const key of keys) t.is(plain(parseKey(formatKey(key))), plain(key))
})

test('white space, capital letters and backer:// do no harm', t => {
  for (const key of keys) {
    const text = formatKey(key)
    t.is(plain(parseKey(`  ${text.toUpperCase()}\n`)), plain(key))
    t.is(plain(parseKey(`backer://${text}`)), plain(key))
  }
})

test('every letter that is another one is found out as a typo', t => {
  for (const text of keys.map(formatKey)) {
    const missed: string[] = []
    for (let i = PREFIX_LENGTH; i < text.length; i++) {
      for (const letter of ALPHABET) {
        if (letter === text[i]) continue
        const typo = text.slice(0, i) + letter + text.slice(i + 1)
        if (codeThrownBy(() => parseKey(typo)) !== 'KEY_TYPO') missed.push(typo)
      }
    }
    t.alike(missed, [])
  }
})

test('two neighbours that changed places are found out as a typo', t => {
  for (const text of keys.map(formatKey)) {
    for (let i = PREFIX_LENGTH; i + 1 < text.length; i++) {
      const swapped = text.slice(0, i) + text[i + 1]! + text[i]! + text.slice(i + 2)
      if (swapped !== text && codeThrownBy(() => parseKey(swapped)) !== 'KEY_TYPO') t.fail(`missed at ${i}`)
    }
  }
  t.pass()
})

test('a key that is too short or too long is told from a typo, with how much is off', t => {
  for (const text of keys.map(formatKey)) {
    for (let length = PREFIX_LENGTH; length < text.length; length++)
      if (codeThrownBy(() => parseKey(text.slice(0, length))) !== 'KEY_LENGTH') t.fail(`missed at ${length}`)
    t.is(messageThrownBy(text.slice(0, -1)).includes('1 letter too short'), true)
    t.is(messageThrownBy(`${text}yy`).includes('2 letters too long'), true)
    t.is(
      codeThrownBy(() => parseKey(text + text)),
      'KEY_ALPHABET',
      'a key pasted twice has a dash in it'
    )
  }
})

test('a letter that no key has is told with its place', t => {
  const text = formatKey(write)
  for (const letter of ['l', 'v', '0', '2', 'L', '-', ' ', 'é', '\u{1f600}', '\0']) {
    const wrong = text.slice(0, PREFIX_LENGTH + 4) + letter + text.slice(PREFIX_LENGTH + 5)
    t.is(
      codeThrownBy(() => parseKey(wrong)),
      'KEY_ALPHABET',
      JSON.stringify(letter)
    )
    t.ok(messageThrownBy(wrong).includes('at place 5'))
  }
})

test('what is no key, or one of an unknown kind, is told so', t => {
  const letters = formatKey(write).slice(PREFIX_LENGTH)
  const texts = ['', 'backer', 'backer-', 'hello', letters, `backer-xx-${letters}`, `backer--${letters}`]
  for (const text of [...texts, `backer-constructor-${letters}`, `backer-toString-${letters}`])
    t.is(
      codeThrownBy(() => parseKey(text)),
      'KEY_KIND',
      text.slice(0, 12)
    )
})

test('B7: letters of one kind are no key of another kind', t => {
  const store = formatKey(toStoreKey(write))
  t.is(
    codeThrownBy(() => parseKey(store.replace('-st-', '-rw-'))),
    'KEY_TYPO'
  )
})

test('no message repeats the key, and nothing makes the parser throw anything else', t => {
  const text = formatKey(write)
  const position = fc.integer({ min: 0, max: text.length })
  fc.assert(
    fc.property(position, position, fc.string(), (from, to, put) => {
      try {
        parseKey(text.slice(0, from) + put + text.slice(to))
        return true
      } catch (error) {
        if (!isBackerError(error)) throw error
        const shown = error.message + (error.hint?.replace(ALPHABET, '') ?? '')
        return error.code.startsWith('KEY_') && !shown.includes(text.slice(PREFIX_LENGTH, PREFIX_LENGTH + 8))
      }
    })
  )
  t.pass()
})

function messageThrownBy(text: string): string {
  try {
    parseKey(text)
  } catch (error) {
    if (isBackerError(error)) return error.message
    throw error
  }
  return ''
}

/** Everything in a key, comparable. */
function plain(key: FolderKey): string {
  const parts = Object.entries(key) as [string, string | Uint8Array][]
  return parts
    .map(([name, part]) => `${name} ${typeof part === 'string' ? part : Buffer.from(part).toString('hex')}`)
    .sort()
    .join()
}
