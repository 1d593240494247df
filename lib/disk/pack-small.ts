import type { SmallFile } from './disk.js'

/**
 * Small files on their way to the thread that writes them: their bytes in one buffer, which is handed over, and what is said of them in a few arrays. File by
 * file, as objects with a buffer each, handing them over costs as much as writing them.
 */
export interface PackedFiles {
  /** All names, with a NUL between them, which no name contains. */
  readonly names: string
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where each file's bytes end. */
  readonly ends: Uint32Array<ArrayBuffer>
  /** NO_METADATA where a file has none. */
  readonly modes: Uint16Array<ArrayBuffer>
  readonly mtimesNs: BigInt64Array<ArrayBuffer>
}

const NO_METADATA = 0xffff

/** Packs files for `unpackFiles`: what is given is not held on to. */
export function packFiles(files: readonly SmallFile[]): PackedFiles {
  const bytes = new Uint8Array(files.reduce((sum, file) => sum + file.bytes.byteLength, 0))
  const ends = new Uint32Array(files.length)
  const modes = new Uint16Array(files.length).fill(NO_METADATA)
  const mtimesNs = new BigInt64Array(files.length)
  let end = 0
  files.forEach((file, i) => {
    bytes.set(file.bytes, end)
    end += file.bytes.byteLength
    ends[i] = end
    if (file.metadata === undefined) return
    modes[i] = file.metadata.mode
    mtimesNs[i] = file.metadata.mtimeNs
  })
  return { names: files.map(({ name }) => name).join('\0'), bytes, ends, modes, mtimesNs }
}

/** What is handed over instead of being copied. */
export function buffersOfFiles({ bytes, ends, modes, mtimesNs }: PackedFiles): ArrayBuffer[] {
  return [bytes.buffer, ends.buffer, modes.buffer, mtimesNs.buffer]
}

/** The files that were packed, their bytes being views of one buffer. */
export function unpackFiles({ names, bytes, ends, modes, mtimesNs }: PackedFiles): SmallFile[] {
  return names.split('\0').map((name, i) => {
    const file = { name, bytes: bytes.subarray(ends[i - 1] ?? 0, ends[i]) }
    const mode = modes[i] ?? NO_METADATA
    return mode === NO_METADATA ? file : { ...file, metadata: { mode, mtimeNs: mtimesNs[i] ?? 0n } }
  })
}
