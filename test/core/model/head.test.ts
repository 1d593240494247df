import test from 'brittle'
import fc from 'fast-check'
import crypto from 'hypercore-crypto'
import { decodeWith, encodeWith } from '../../../lib/core/codec.js'
import { certificateCodec, makeCertificate, verifyCertificate } from '../../../lib/core/model/certificate.js'
import { signedHeadCodec, signHead, verifySignedHead, type SignedHead } from '../../../lib/core/model/head.js'
import { createWriteKey } from '../../../lib/core/model/keys.js'
import { isRefusedOrCanonical, mutationsOf, refusesTruncations } from '../../make/mutation.js'
import { hashOf, replica } from '../../make/record.js'
import { codeThrownBy } from '../../make/thrown.js'

const key = createWriteKey(Buffer.alloc(32, 1))
const otherKey = createWriteKey(Buffer.alloc(32, 2))
const device = crypto.keyPair(Buffer.alloc(32, 3))
const stranger = crypto.keyPair(Buffer.alloc(32, 4))
const certificate = makeCertificate({ key, device: device.publicKey, issuedMs: 1_700_000_000_000 })
const head = {
  device: device.publicKey,
  replica: replica(5),
  sequence: 3,
  root: hashOf('root'),
  timeMs: 1_700_000_000_001
}
const signed = signHead(head, { publicKey: key.folderPublicKey, certificate }, device.secretKey)

test('what the folder certified and the device signed holds, also behind the wire', t => {
  verifyCertificate(decodeWith(certificateCodec, encodeWith(certificateCodec, certificate), ''), key.folderPublicKey)
  const received = decodeWith(signedHeadCodec, encodeWith(signedHeadCodec, signed), '')
  verifySignedHead(received, key.folderPublicKey)
  t.is(received.head.sequence, 3)
  t.is(received.head.replica, replica(5))
})

test("a certificate that anybody but the folder's key signed is forged", t => {
  const byOther = makeCertificate({ key: otherKey, device: device.publicKey, issuedMs: 1 })
  const forgeries = [
    byOther,
    { ...certificate, device: stranger.publicKey },
    { ...certificate, issuedMs: certificate.issuedMs + 1 }
  ]
  for (const forged of forgeries)
    t.is(
      codeThrownBy(() => verifyCertificate(forged, key.folderPublicKey)),
      'FORGED'
    )
})

test('a head of which anything was changed is forged', t => {
  const strangersCertificate = makeCertificate({ key, device: stranger.publicKey, issuedMs: 1 })
  const folder = { publicKey: key.folderPublicKey, certificate }
  const forgeries: Record<string, SignedHead> = {
    root: { ...signed, head: { ...head, root: hashOf('another') } },
    sequence: { ...signed, head: { ...head, sequence: 4 } },
    replica: { ...signed, head: { ...head, replica: replica(6) } },
    time: { ...signed, head: { ...head, timeMs: 0 } },
    'signed by another device': signHead(head, folder, stranger.secretKey),
    "another device's certificate": { ...signed, certificate: strangersCertificate },
    'signed for another folder': signHead(head, { ...folder, publicKey: otherKey.folderPublicKey }, device.secretKey),
    'a device that nobody certified': signHead({ ...head, device: stranger.publicKey }, folder, stranger.secretKey)
  }
  for (const [what, forged] of Object.entries(forgeries))
    t.is(
      codeThrownBy(() => verifySignedHead(forged, key.folderPublicKey)),
      'FORGED',
      what
    )
  t.is(
    codeThrownBy(() => verifySignedHead(signed, otherKey.folderPublicKey)),
    'FORGED'
  )
})

test('no change of its bytes leaves a head valid', t => {
  const encode = (value: SignedHead): Uint8Array => encodeWith(signedHeadCodec, value)
  const decode = (bytes: Uint8Array): SignedHead => decodeWith(signedHeadCodec, bytes, 'a head')
  const bytes = encode(signed)
  t.ok(refusesTruncations(decode, bytes))
  fc.assert(
    fc.property(mutationsOf(bytes), mutated => {
      const isSame = Buffer.compare(mutated, bytes) === 0
      const code = codeThrownBy(() => verifySignedHead(decode(mutated), key.folderPublicKey))
      return isRefusedOrCanonical(decode, encode, mutated) && (isSame || code !== undefined)
    }),
    { numRuns: 300 }
  )
})
