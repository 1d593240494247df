import test from 'brittle'
import crypto from 'hypercore-crypto'
import { encodeWith } from '../../lib/core/codec.js'
import { makeCertificate } from '../../lib/core/model/certificate.js'
import { signedHeadCodec, signHead } from '../../lib/core/model/head.js'
import { createWriteKey, type WriteKey } from '../../lib/core/model/keys.js'
import { HeadReader } from '../../lib/folder/head-reader.js'
import { hashOf, replica } from '../make/record.js'
import { codeThrownBy } from '../make/thrown.js'

const key = createWriteKey(Buffer.alloc(32, 1))
const device = crypto.keyPair(Buffer.alloc(32, 3))

function headBytes(sequence: number, by: WriteKey = key): Buffer {
  const certificate = makeCertificate({ key: by, device: device.publicKey, issuedMs: 1 })
  const head = { device: device.publicKey, replica: replica(5), sequence, root: hashOf('root'), timeMs: 2 }
  const folder = { publicKey: key.folderPublicKey, certificate }
  return Buffer.from(encodeWith(signedHeadCodec, signHead(head, folder, device.secretKey)))
}

test('a head that was verified is read once; of what it vouches for nothing passes for it', t => {
  const reader = new HeadReader(key.folderPublicKey)
  const bytes = headBytes(1)
  const head = reader.read(bytes)
  t.is(head.head.sequence, 1)
  t.is(reader.read(Uint8Array.from(bytes)), head, 'the same bytes are not verified again')
  for (let at = 0; at < bytes.byteLength; at++) {
    const forged = Uint8Array.from(bytes)
    forged[at]! ^= 1
    t.is(
      codeThrownBy(() => reader.read(forged)),
      'FORGED',
      `byte ${at}`
    )
  }
  const other = createWriteKey(Buffer.alloc(32, 2))
  t.is(
    codeThrownBy(() => reader.read(headBytes(2, other))),
    'FORGED',
    "a known device with another folder's certificate"
  )
  t.is(reader.read(headBytes(2)).head.sequence, 2)
})

test('what was read stays what it was, whatever becomes of the bytes that it was read from', t => {
  const reader = new HeadReader(key.folderPublicKey)
  const bytes = headBytes(1)
  const head = reader.read(bytes)
  const root = Buffer.from(head.head.root).toString('hex')
  bytes.fill(0)
  t.is(Buffer.from(head.head.root).toString('hex'), root)
  t.is(Buffer.from(reader.read(headBytes(1)).head.root).toString('hex'), root)
})

test('only so many heads are remembered', t => {
  const reader = new HeadReader(key.folderPublicKey)
  const bytes = headBytes(0)
  const first = reader.read(bytes)
  for (let sequence = 1; sequence < 2000; sequence++) reader.read(headBytes(sequence))
  t.is(reader.read(bytes), first)
  reader.read(headBytes(2000))
  t.not(reader.read(bytes), first, 'the oldest was forgotten, and is verified anew')
})
