import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import { CHUNK_BYTES_MAX } from '../core/chunk/fastcdc.js'
import { hashBytes, hashesEqual, type Hash } from '../core/model/hash.js'

/*
 * A chunk as the history keeps it: one byte that says how, then the bytes. Brotli, at a quality at which it is as quick as zstd, is
 * what every Node has that backer runs on; another way would get another first byte.
 */
const PLAIN = 0
const BROTLI = 1
const QUALITY = 4
/** Smaller ones take a block of the disk either way. */
const COMPRESSED_BYTES_MIN = 512
const SAMPLE_BYTES = 4096
/** Compressing is worth it where it leaves no more than this. */
const WORTH_SHARE = 0.9

/** The bytes of the file that keeps a chunk: compressed where that pays. */
export function encodeChunkFile(bytes: Uint8Array): Uint8Array {
  const packed = isWorthTrying(bytes) ? compress(bytes, QUALITY) : undefined
  if (packed !== undefined && packed.byteLength <= bytes.byteLength * WORTH_SHARE) return headed(BROTLI, packed)
  return headed(PLAIN, bytes)
}

/** The chunk in a chunk file; undefined where it is not the one with this hash. */
export function decodeChunkFile(file: Uint8Array, hash: Hash): Uint8Array | undefined {
  const bytes = unpack(file)
  return bytes !== undefined && hashesEqual(hashBytes(bytes), hash) ? bytes : undefined
}

function unpack(file: Uint8Array): Uint8Array | undefined {
  const rest = file.subarray(1)
  if (file[0] === PLAIN) return rest
  if (file[0] !== BROTLI) return undefined
  try {
    return brotliDecompressSync(rest, { maxOutputLength: CHUNK_BYTES_MAX })
  } catch {
    // What is damaged is no chunk: its hash would not have been right either.
    return undefined
  }
}

function isWorthTrying(bytes: Uint8Array): boolean {
  if (bytes.byteLength < COMPRESSED_BYTES_MIN) return false
  if (bytes.byteLength <= 2 * SAMPLE_BYTES) return true
  const middle = Math.floor((bytes.byteLength - SAMPLE_BYTES) / 2)
  const sample = bytes.subarray(middle, middle + SAMPLE_BYTES)
  return compress(sample, 1).byteLength <= SAMPLE_BYTES * WORTH_SHARE
}

function compress(bytes: Uint8Array, quality: number): Uint8Array {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: quality,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength
  }
  return brotliCompressSync(bytes, { params })
}

function headed(how: number, bytes: Uint8Array): Uint8Array {
  const file = new Uint8Array(bytes.byteLength + 1)
  file[0] = how
  file.set(bytes, 1)
  return file
}
