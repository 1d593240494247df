import test from 'brittle'
import fc from 'fast-check'
import {
  aliasKey,
  ancestorsOf,
  comparePaths,
  isBelow,
  isReservedName,
  joinPath,
  nameOf,
  parentOf,
  parsePath,
  pathCodec,
  pathFromBytes,
  whyNotPath
} from '../../../lib/core/model/path.js'
import { decodeWith, encodeWith } from '../../../lib/core/codec.js'
import { isRefusedOrCanonical, mutationsOf, refusesTruncations } from '../../make/mutation.js'
import { arbitraryPath, path } from '../../make/record.js'
import { codeThrownBy } from '../../make/thrown.js'

const good = [
  'a',
  'a/b/c',
  '.hidden',
  '...',
  'a/..b/c..',
  ' leading and trailing ',
  'back\\slash',
  'colon:name',
  'CON',
  'new\nline',
  '日本語/ファイル.txt',
  'e\u0301',
  '\u{1f600}',
  '\ufeffbom',
  'deep/.backer',
  '.backerx',
  'x.backer',
  'backer',
  'n'.repeat(255),
  'é'.repeat(127),
  Array.from({ length: 1000 }, () => 'd').join('/'),
  'x'.repeat(255) + '/' + Array.from({ length: 15 }, () => 'y'.repeat(255)).join('/')
]

const bad = [
  '',
  '.',
  '..',
  '../x',
  'a/../b',
  'a/..',
  'a/./b',
  './a',
  '/abs',
  '/',
  'a//b',
  'a/',
  'a/b/',
  'a\0b',
  'a/b\0',
  '\ud800',
  'a/\udc00b',
  '\udc00\ud800',
  'n'.repeat(256),
  'é'.repeat(128),
  '\u{1f600}'.repeat(64),
  Array.from({ length: 1001 }, () => 'd').join('/'),
  'y/'.repeat(2048) + 'zz',
  '.backer',
  '.backer/tmp/x',
  '.BACKER/x',
  '.Backer',
  '.bac\u212aer',
  '.backer.',
  '.backer ..',
  '.bac\u200cker',
  '\ufeff.backer',
  'BACKER~1',
  'backer~12/x',
  '.backer~1'
]

test('a path that a folder can have is taken', t => {
  for (const text of good) t.is(whyNotPath(text), undefined, JSON.stringify(text.slice(0, 40)))
})

test('a path that leads elsewhere, has no single meaning or is too long is refused', t => {
  for (const text of bad) {
    t.is(
      codeThrownBy(() => parsePath(text)),
      'BAD_PATH',
      JSON.stringify(text.slice(0, 40))
    )
  }
})

test('a path whose bytes are not UTF-8 is refused', t => {
  for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0x61, 0xc3], [0xf4, 0x90, 0x80, 0x80]]) {
    t.is(
      codeThrownBy(() => pathFromBytes(Uint8Array.from(bytes))),
      'MALFORMED',
      Buffer.from(bytes).toString('hex')
    )
  }
})

test('names that a file system could take for one another have one alias key', t => {
  for (const [a, b] of [
    ['README', 'readme'],
    ['e\u0301', 'É'],
    ['\u212a', 'k'],
    ['straße', 'STRASSE'],
    ['\u00c5', 'A\u030a']
  ] as const) {
    t.is(aliasKey(a), aliasKey(b), `${a} ${b}`)
  }
  t.not(aliasKey('a'), aliasKey('b'))
})

test('only the root has a reserved name', t => {
  t.ok(isReservedName('.backer'))
  t.absent(isReservedName('backer'))
  t.is(whyNotPath('sub/.backer'), undefined)
})

/** The order of paths, said in another way: UTF-8 bytes with the slash before all others. */
function referenceOrder(a: string, b: string): number {
  const bytes = (text: string): Buffer => Buffer.from(Buffer.from(text).map(byte => (byte === 0x2f ? 0 : byte)))
  return Buffer.compare(bytes(a), bytes(b))
}

test('paths are ordered by their UTF-8 bytes with the slash first', t => {
  fc.assert(
    fc.property(arbitraryPath, arbitraryPath, (a, b) => Math.sign(comparePaths(a, b)) === referenceOrder(a, b)),
    { numRuns: 5000 }
  )
  const units = ['a', '/', '!', '\u007f', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}']
  for (const a of units) for (const b of units) t.is(Math.sign(comparePaths(a, b)), referenceOrder(a, b))
})

test('what lies below a directory follows it without a gap', t => {
  fc.assert(
    fc.property(fc.array(arbitraryPath, { maxLength: 30 }), arbitraryPath, (paths, directory) => {
      const sorted = [...new Set(paths)].sort(comparePaths)
      const below = sorted.map(item => isBelow(item, directory))
      const first = below.indexOf(true)
      const count = below.filter(Boolean).length
      const isRun = below.slice(first, first + count).every(Boolean)
      return first < 0 || (isRun && sorted.slice(0, first).every(item => comparePaths(item, directory) <= 0))
    }),
    { numRuns: 1000 }
  )
  const around = ['a', 'a/b', 'a/b/c', 'a/\u{10ffff}', 'a ', 'a!', 'a-b', 'a.txt', 'a0', 'ab']
  t.alike([...around].reverse().sort(comparePaths), around)
})

test('a path is its parent and its name', t => {
  fc.assert(
    fc.property(arbitraryPath, whole => {
      const directory = parentOf(whole)
      return (
        joinPath(directory, nameOf(whole)) === whole &&
        (directory === undefined || (isBelow(whole, directory) && ancestorsOf(whole).at(-1) === directory)) &&
        ancestorsOf(whole).length === whole.split('/').length - 1
      )
    })
  )
  t.absent(isBelow(path('ab'), path('a')))
  t.absent(isBelow(path('a'), path('a')))
})

test('a path has one form in bytes', t => {
  const encode = (value: string): Uint8Array => encodeWith(pathCodec, path(value))
  const decode = (bytes: Uint8Array): string => decodeWith(pathCodec, bytes, 'a path')
  fc.assert(fc.property(arbitraryPath, value => decode(encode(value)) === value))
  fc.assert(fc.property(arbitraryPath, value => refusesTruncations(decode, encode(value))))
  fc.assert(
    fc.property(
      arbitraryPath.chain(value => mutationsOf(encode(value))),
      bytes => isRefusedOrCanonical(decode, encode, bytes)
    ),
    { numRuns: 2000 }
  )
  t.pass()
})
