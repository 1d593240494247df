import { readSync, writeSync } from 'node:fs'

const BUFFER_BYTES = 256 * 1024

/** Writes all of `bytes` at `position` of a descriptor. */
export function writeAll(file: number, bytes: Uint8Array, position: number): void {
  let done = 0
  while (done < bytes.byteLength) done += writeSync(file, bytes, done, bytes.byteLength - done, position + done)
}

/** Copies up to `length` bytes from one descriptor to another through memory. Bytes copied: fewer where `from` ends. */
export function copyByReading(
  from: number,
  fromPosition: number,
  to: number,
  toPosition: number,
  length: number
): number {
  if (length <= 0) return 0
  const buffer = new Uint8Array(Math.min(length, BUFFER_BYTES))
  let done = 0
  while (done < length) {
    const read = readSync(from, buffer, 0, Math.min(buffer.byteLength, length - done), fromPosition + done)
    if (read === 0) break
    writeAll(to, buffer.subarray(0, read), toPosition + done)
    done += read
  }
  return done
}
