import { decodeWith } from '../core/codec.js'
import type { DeviceCertificate } from '../core/model/certificate.js'
import { signedHeadCodec, verifySignedHead, type SignedHead } from '../core/model/head.js'
import { dropOldest } from '../core/drop-oldest.js'

/** How many verified heads are remembered: about 1 MiB at most. */
const HEADS_MAX = 2000
/** How many devices' certificates are remembered. */
const CERTIFICATES_MAX = 1000

/** Reads the signed heads of one folder. The same ones come again and again, from every peer and with every list of snapshots: each is verified once. */
export class HeadReader {
  readonly #folderPublicKey: Uint8Array
  /** By the bytes that were verified. */
  readonly #heads = new Map<string, SignedHead>()
  readonly #certificates = new Map<string, DeviceCertificate>()

  constructor(folderPublicKey: Uint8Array) {
    this.#folderPublicKey = folderPublicKey
  }

  /** A signed head in its wire bytes. Throws FORGED or MALFORMED. */
  read(bytes: Uint8Array): SignedHead {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
    const known = this.#heads.get(text)
    if (known !== undefined) return known
    // What is decoded are views: the bytes of a frame, or of a row, are somebody else's soon.
    const head = decodeWith(signedHeadCodec, Uint8Array.from(bytes), 'a head')
    const device = deviceOf(head)
    verifySignedHead(head, this.#folderPublicKey, this.#certificates.get(device))
    dropOldest(this.#heads.set(text, head), HEADS_MAX)
    dropOldest(this.#certificates.set(device, head.certificate), CERTIFICATES_MAX)
    return head
  }
}

/** The device that signed a head, in hexadecimal. */
export function deviceOf(head: SignedHead): string {
  return Buffer.from(head.head.device).toString('hex')
}
