import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { BackerError, messageOf } from '../../lib/core/error.js'
import type { Decoder } from './decoders.js'

/** Longer than any decoder may take for a few hundred bytes. */
const DECODE_MS_MAX = 50
/** How often in a row it must have taken so long: once, the machine may have had something else to do. */
const SLOW_TIMES = 3

/** What went wrong with some bytes; undefined where nothing did. */
export function wrongWith(decoder: Decoder, bytes: Uint8Array): string | undefined {
  for (let times = 0; times < SLOW_TIMES; times++) {
    const begin = performance.now()
    const why = misread(decoder, bytes)
    if (why !== undefined || performance.now() - begin < DECODE_MS_MAX) return why
  }
  return `it took over ${DECODE_MS_MAX} ms`
}

function misread(decoder: Decoder, bytes: Uint8Array): string | undefined {
  const given = Uint8Array.from(bytes)
  try {
    const again = decoder.decode(given)
    if (again !== undefined && Buffer.compare(again, bytes) !== 0) return 'it is not what its own bytes say'
  } catch (error) {
    if (!(error instanceof BackerError)) return `not an error of backer's: ${messageOf(error)}`
    if (error.code === 'INTERNAL') return `a mistake of backer's: ${error.message}`
  }
  return Buffer.compare(given, bytes) === 0 ? undefined : 'it changed the bytes that it was given'
}

/** Bytes that once went wrong, for whom, and why. */
export interface Found {
  readonly decoder: string
  readonly hex: string
  readonly was: string
}

/** All of them: one a line, in `corpus.ndjson`. */
export function readCorpus(): readonly Found[] {
  const lines = readFileSync(resolve('test/fuzz/corpus.ndjson'), 'utf8').trim().split('\n')
  return lines.filter(line => line !== '').map(line => JSON.parse(line) as Found)
}
