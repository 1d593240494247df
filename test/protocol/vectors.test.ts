import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import test from 'brittle'
import { decodeWith, type Codec } from '../../lib/core/codec.js'
import { decodeContentNode } from '../../lib/core/chunk/content-node.js'
import { signedHeadCodec, verifySignedHead } from '../../lib/core/model/head.js'
import { parseKey } from '../../lib/core/model/key-text.js'
import { recordCodec } from '../../lib/core/model/record.js'
import { decodeNode } from '../../lib/core/tree/check.js'
import * as messages from '../../protocol/messages.js'
import { makeVectors, type Vectors } from '../make/vectors.js'

/** The bytes that every implementation must make. Run from the repository's root. */
const golden = JSON.parse(readFileSync(resolve('protocol/vectors.json'), 'utf8')) as Vectors
const made = makeVectors()

test('the file and the code speak of the same things', t => {
  t.alike(Object.keys(golden), Object.keys(made))
})

for (const [section, vectors] of Object.entries(golden)) {
  test(`${section} are made of the very bytes of the file`, t => {
    t.alike(Object.keys(vectors), Object.keys(made[section] ?? {}))
    for (const [name, expected] of Object.entries(vectors)) t.alike(made[section]?.[name], expected, name)
  })
}

test("the file's bytes are understood", t => {
  for (const [name, codec] of Object.entries(messages))
    decodeWith(codec as Codec<unknown>, bytesOf('messages', name.replace(/Codec$/, '')), name)
  for (const name of Object.keys(golden['records'] ?? {}).filter(one => one.endsWith('Record')))
    decodeWith(recordCodec, bytesOf('records', name), name)
  t.is(decodeNode(bytesOf('records', 'treeNode')).entries.length, 3)
  const [node] = golden['chunks']?.['contentNodes'] as string[]
  t.is(decodeContentNode(Buffer.from(node ?? '', 'hex')).height, 0)
  const key = parseKey(String(golden['keys']?.['writeKey']))
  verifySignedHead(decodeWith(signedHeadCodec, bytesOf('identity', 'signedHead'), 'a head'), key.folderPublicKey)
})

function bytesOf(section: string, name: string): Uint8Array {
  return Buffer.from(String(golden[section]?.[name]), 'hex')
}
