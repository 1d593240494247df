import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCode } from '../home/private-file.js'

/** How large the log may grow before it is put aside, and how many that were put aside are kept. */
const BYTES_MAX = 2 * 1024 * 1024
const KEPT = 4

/**
 * A log of bounded size: `FILE`, then `FILE.1` (the latest that was put aside) to `FILE.4`. Each line is on its way to the disk when `write` returns, so that the last
 * words of a process that dies are there. A disk that takes no line is no reason to stop: the line is lost, and how many were is told with the next.
 */
export class LogFile {
  readonly #file: string
  readonly #bytesMax: number
  #fd: number | undefined
  #bytes = 0
  #lost = 0

  constructor(file: string, { bytesMax = BYTES_MAX }: { readonly bytesMax?: number } = {}) {
    this.#file = file
    this.#bytesMax = bytesMax
  }

  /** How many lines could not be written since the last one that could. */
  get lost(): number {
    return this.#lost
  }

  /** One line with its line break. */
  write(line: string): void {
    try {
      if (this.#fd !== undefined && this.#bytes + line.length > this.#bytesMax) this.#putAside()
      this.#fd ??= this.#open()
      this.#bytes += writeSync(this.#fd, line)
      this.#lost = 0
    } catch (error) {
      if (systemCode(error) === undefined) throw error
      this.#lost++
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #open(): number {
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 })
    const fd = openSync(this.#file, 'a', 0o600)
    this.#bytes = fstatSync(fd).size
    return fd
  }

  #putAside(): void {
    this.close()
    for (let i = KEPT; i > 0; i--) {
      const from = i === 1 ? this.#file : `${this.#file}.${i - 1}`
      try {
        renameSync(from, `${this.#file}.${i}`)
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error
      }
    }
  }
}
