import test from 'brittle'
import crypto from 'hypercore-crypto'
import { encodeWith } from '../../lib/core/codec.js'
import { makeCertificate } from '../../lib/core/model/certificate.js'
import { signedHeadCodec, signHead } from '../../lib/core/model/head.js'
import { createWriteKey } from '../../lib/core/model/keys.js'
import { hashBytes } from '../../lib/core/model/hash.js'
import { HeadReader } from '../../lib/folder/head-reader.js'
import { Heads } from '../../lib/folder/heads.js'
import type { StoredHead } from '../../lib/store/store.js'
import { replica } from '../make/record.js'

const key = createWriteKey(Buffer.alloc(32, 1))
const device = crypto.keyPair(Buffer.alloc(32, 3))
const id = Buffer.from(device.publicKey).toString('hex')
const certificate = makeCertificate({ key, device: device.publicKey, issuedMs: 1 })

function headBytes(number: number, sequence: number): Buffer {
  const root = hashBytes(Buffer.from(`${number} ${sequence}`))
  const head = { device: device.publicKey, replica: replica(number), sequence, root, timeMs: 2 }
  const folder = { publicKey: key.folderPublicKey, certificate }
  return Buffer.from(encodeWith(signedHeadCodec, signHead(head, folder, device.secretKey)))
}

/** What a store keeps of heads. */
class Kept {
  readonly rows = new Map<string, Uint8Array>()

  open(): Heads {
    const store = {
      heads: (): StoredHead[] => [...this.rows].sort().map(([writer, bytes]) => ({ writer, bytes })),
      noteHead: ({ writer, bytes }: StoredHead): void => void this.rows.set(writer, bytes),
      saveHeads: (): Promise<void> => Promise.resolve()
    }
    const heads = new Heads(store, new HeadReader(key.folderPublicKey))
    heads.load()
    return heads
  }
}

test('S18: an older head of a replica is passed over, also once its device has another replica, and after a restart', t => {
  const kept = new Kept()
  const heads = kept.open()
  t.ok(heads.accept(headBytes(1, 7)))
  t.ok(heads.accept(headBytes(2, 1)), 'the device has made a new index')
  for (const one of [heads, kept.open()]) {
    t.absent(one.accept(headBytes(1, 6)), 'it was put back to the old one')
    t.ok(one.accept(headBytes(1, 7)))
    t.alike(Buffer.from(one.of(id, replica(1)) ?? []), headBytes(1, 7), 'it can be told what it has signed since')
    t.alike(Buffer.from(one.of(id, replica(2)) ?? []), headBytes(2, 1))
    t.is(one.of(id, replica(3)), undefined)
  }
})

test('of each device so many replicas are kept, and as many rows', t => {
  const kept = new Kept()
  const heads = kept.open()
  for (let number = 1; number <= 100; number++) {
    t.ok(heads.accept(headBytes(number, 5)))
    heads.accept(headBytes(1, 5))
  }
  t.is(kept.rows.size, 32)
  for (const one of [heads, kept.open()]) {
    t.is(one.roots().length, 32)
    t.absent(one.accept(headBytes(100, 4)))
    t.absent(one.accept(headBytes(1, 4)), 'who is heard of stays')
  }
})
