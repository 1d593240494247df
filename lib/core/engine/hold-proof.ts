import { hashKeyed, type Hash } from '../model/hash.js'

/** Bytes of the random value with which each challenge begins. */
export const NONCE_BYTES = 32
/** A content of at most so many bytes is read whole for a proof; of a longer one so many ranges of so many bytes. */
export const WHOLE_BYTES = 1024 * 1024
export const RANGES = 64
export const RANGE_BYTES = 16 * 1024

/** What a device is asked to prove: that it holds a content, now. */
export interface Challenge {
  /** Made by the asker for this challenge alone: what was prepared, or answered before, is of no use. */
  readonly nonce: Uint8Array
  readonly content: Hash
  /** Bytes of the content. */
  readonly size: number
}

/** Who asks, who answers, and in which folder: so that nobody can have another device answer in his place, or use what that answered him. */
export interface ProofParties {
  readonly folderPublicKey: Uint8Array
  readonly holder: Uint8Array
  readonly asker: Uint8Array
}

/** A part of a content. */
export interface ContentRange {
  readonly offset: number
  readonly length: number
}

/** The parts of a content that a challenge is about: nobody knows them before the nonce. */
export function challengedRanges({ nonce, size }: Pick<Challenge, 'nonce' | 'size'>): ContentRange[] {
  if (size === 0) return []
  if (size <= WHOLE_BYTES) return [{ offset: 0, length: size }]
  return Array.from({ length: RANGES }, (_, i) => {
    const hash = hashKeyed(nonce, [Buffer.from(`backer range v1\0`), Uint8Array.of(i)])
    const chosen = Buffer.from(hash.buffer, hash.byteOffset).readBigUInt64LE()
    return { offset: Number(chosen % BigInt(size - RANGE_BYTES + 1)), length: RANGE_BYTES }
  })
}

/** The proof: only who has the bytes of the challenged ranges (`pieces`, in their order) can make it. */
export function holdProof(
  { folderPublicKey, holder, asker }: ProofParties,
  { nonce, content }: Pick<Challenge, 'nonce' | 'content'>,
  pieces: readonly Uint8Array[]
): Hash {
  return hashKeyed(nonce, [Buffer.from('backer hold v1\0'), folderPublicKey, holder, asker, content, ...pieces])
}
