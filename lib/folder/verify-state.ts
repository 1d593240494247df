import { whyNotPath, type RelativePath } from '../core/model/path.js'
import type { Store } from '../store/store.js'

export type { PutAside } from '../disk/kept.js'

/** When and how fast everything is read by schedule. */
export interface VerifySettings {
  /** Days from the beginning of one look through everything to the next; 0: never by itself. */
  readonly everyDays: number
  readonly bytesPerSecond: number
  /** What is under way stops, and nothing is begun, until further notice. */
  readonly isPaused: boolean
}

export interface VerifyOptions {
  /** The share of the files to read, chosen at random: over 0, up to 1. */
  readonly sample?: number | undefined
  /** After that time it ends; the next one goes on from there. */
  readonly maxTimeMs?: number | undefined
  /** Begins with the first file although an earlier one was cut off. */
  readonly isAnew?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a look through the folder found. */
export interface VerifyReport {
  files: number
  bytes: number
  /** Files whose bytes were not what was written, though nothing shows that anybody touched them; how many of them have their content back, and how many not. */
  damaged: number
  mended: number
  unmended: number
  /** Files that somebody touched meanwhile: they are scanned as edits. */
  edited: number
  /** Files that this user may not read. */
  unreadable: number
  /** Some of the damaged files. */
  readonly sample: { path: RelativePath; mended: boolean; reason?: string }[]
  /** What the history keeps: files read, bytes, how many were damaged, and how many of those have their content back. */
  readonly history: { files: number; bytes: number; damaged: number; mended: number }
  /** All was read that was to be. */
  isComplete: boolean
  /** Where it went on from, an earlier one having been cut off. */
  readonly from?: RelativePath
  /** Where the next one goes on. */
  readonly next?: RelativePath
}

/** What verifying is doing, and what it knows. */
export interface VerifyStatus extends VerifySettings {
  readonly running: boolean
  /** How much the look under way has read, and how many damaged files it found. */
  readonly files: number
  readonly bytes: number
  readonly found: number
  /** How many files are known to be damaged now, and some of them. */
  readonly damaged: number
  readonly sample: readonly string[]
  /** When the last look through everything ended: milliseconds since 1970. */
  readonly lastEndedAtMs?: number
}

/** How far a look through everything has come. */
export interface VerifyPass {
  readonly name: 'scheduled' | 'asked'
  readonly startedAtMs: number
  /** The last file that is done with; undefined: none yet. */
  readonly at: RelativePath | undefined
  /** undefined: it was cut off. */
  readonly endedAtMs: number | undefined
}

const DEFAULTS: VerifySettings = { everyDays: 30, bytesPerSecond: 8 * 1024 * 1024, isPaused: false }
const SETTINGS_FACT = 'verify'

export function emptyReport(): VerifyReport {
  return {
    files: 0,
    bytes: 0,
    damaged: 0,
    mended: 0,
    unmended: 0,
    edited: 0,
    unreadable: 0,
    sample: [],
    history: { files: 0, bytes: 0, damaged: 0, mended: 0 },
    isComplete: false
  }
}

/** What was set; the defaults where nothing was, or what was is no longer understood. */
export function readSettings(store: Pick<Store, 'getFact'> | undefined): VerifySettings {
  const { everyDays, bytesPerSecond, isPaused } = jsonOf(store?.getFact(SETTINGS_FACT))
  return {
    everyDays: isCount(everyDays) ? everyDays : DEFAULTS.everyDays,
    bytesPerSecond: isCount(bytesPerSecond) && bytesPerSecond > 0 ? bytesPerSecond : DEFAULTS.bytesPerSecond,
    isPaused: isPaused === true
  }
}

export function writeSettings(store: Pick<Store, 'putFact'>, settings: VerifySettings): Promise<void> {
  return store.putFact(SETTINGS_FACT, Buffer.from(JSON.stringify(settings)))
}

export function readPass(store: Pick<Store, 'getFact'>, name: VerifyPass['name']): VerifyPass | undefined {
  const { startedAtMs, at, endedAtMs } = jsonOf(store.getFact(`${SETTINGS_FACT}-${name}`))
  if (!isCount(startedAtMs)) return undefined
  return {
    name,
    startedAtMs,
    at: typeof at === 'string' && whyNotPath(at) === undefined ? (at as RelativePath) : undefined,
    endedAtMs: isCount(endedAtMs) ? endedAtMs : undefined
  }
}

export function writePass(store: Pick<Store, 'putFact'>, { name, ...pass }: VerifyPass): Promise<void> {
  return store.putFact(`${SETTINGS_FACT}-${name}`, Buffer.from(JSON.stringify(pass)))
}

function jsonOf(bytes: Uint8Array | undefined): Readonly<Record<string, unknown>> {
  if (bytes === undefined) return {}
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString())
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
