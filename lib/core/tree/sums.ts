import { uint, type Codec } from '../codec.js'
import { decodeWinnerSize } from '../model/record.js'

/** What a tree or a part of it holds. Each sum stops at 2^53 - 1, so that no record's claim can make a tree impossible. */
export interface Sums {
  /** Entries, those of deleted paths too. */
  readonly records: number
  /** Regular files that stand at their path. */
  readonly files: number
  /** The sizes of these files, in bytes. */
  readonly bytes: number
}

export const EMPTY_SUMS: Sums = { records: 0, files: 0, bytes: 0 }

const ONE_RECORD: Sums = { records: 1, files: 0, bytes: 0 }

/** Both together. Associative and commutative also where a sum stops at its greatest, so the shape of a tree never shows. */
export function addSums(a: Sums, b: Sums): Sums {
  return {
    records: addUpTo(a.records, b.records),
    files: addUpTo(a.files, b.files),
    bytes: addUpTo(a.bytes, b.bytes)
  }
}

function addUpTo(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER)
}

/** True where two parts hold as much. */
export function sumsEqual(a: Sums, b: Sums): boolean {
  return a.records === b.records && a.files === b.files && a.bytes === b.bytes
}

/** What one record adds, from its bytes. */
export function sumsOfRecord(record: Uint8Array): Sums {
  const bytes = decodeWinnerSize(record)
  return bytes === undefined ? ONE_RECORD : { records: 1, files: 1, bytes }
}

export const sumsCodec: Codec<Sums> = {
  preencode(state, sums) {
    uint.preencode(state, sums.records)
    uint.preencode(state, sums.files)
    uint.preencode(state, sums.bytes)
  },
  encode(state, sums) {
    uint.encode(state, sums.records)
    uint.encode(state, sums.files)
    uint.encode(state, sums.bytes)
  },
  decode: state => ({ records: uint.decode(state), files: uint.decode(state), bytes: uint.decode(state) })
}
