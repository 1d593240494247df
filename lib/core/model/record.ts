import { BackerError } from '../error.js'
import { encodeShort, int64, list, text, uint, type Codec, type CodecState } from '../codec.js'
import { hashCodec, type Hash } from './hash.js'
import {
  compareDots,
  dotCodec,
  hasSeen,
  skipDots,
  vectorCodec,
  VECTOR_ENTRIES_MAX,
  type Dot,
  type VersionVector
} from './version.js'

/**
 * A file's bytes: the root of its content tree. Height 0: the root is the hash of the file's only chunk (or of no bytes
 * at all, where the file is empty). Height h > 0: the root is the hash of a content node of height h - 1.
 */
export interface Content {
  readonly root: Hash
  readonly height: number
}

/** What stands at a path. Modes are permission bits (0o777); times are nanoseconds since 1970, as the file system has them. */
export type Payload =
  | {
      readonly kind: 'file'
      readonly size: number
      readonly mtimeNs: bigint
      readonly mode: number
      readonly content: Content
    }
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'symlink'; readonly target: string; readonly mtimeNs: bigint }
  | { readonly kind: 'deleted' }

export type FilePayload = Extract<Payload, { kind: 'file' }>

/** One payload and the writes that made it: more than one where several replicas wrote the very same. Sorted, not empty. */
export interface Version {
  readonly dots: readonly Dot[]
  readonly payload: Payload
  /**
   * It has lost to another version of its path: it stands there no more while there is one that has not, whatever their order. Else it could win
   * again when what it lost to is replaced by somebody who never saw it, and by then its conflict copy may be edited or gone, and its bytes with it.
   */
  readonly hasLost?: true
}

/**
 * What is known of one path: every version that nobody has replaced yet (the winner first), and what had been seen when
 * they were written. A dotted version vector set, so that merging is a function of the set of writes alone.
 * Source: Preguiça et al., "Dotted version vectors", 2010, arXiv 1011.5808.
 *
 * What holds: `versions` is not empty and sorted by `compareVersions`; no two are equal in payload and in having lost;
 * `context` has seen every dot of every version.
 */
export interface Record {
  readonly context: VersionVector
  readonly versions: readonly Version[]
}

export const SYMLINK_BYTES_MAX = 4095
export const CONTENT_HEIGHT_MAX = 16
/** How many concurrent versions of one path are kept: far more than devices edit one file at once. */
export const VERSIONS_MAX = 256
/** A record's bytes never exceed this. */
export const RECORD_BYTES_MAX = 64 * 1024

/** The version that stands at the path. */
export function winnerOf(record: Record): Version {
  const winner = record.versions[0]
  if (winner === undefined) throw new BackerError('MALFORMED', 'a record has no version')
  return winner
}

/** What stands at the path. */
export function payloadOf(record: Record): Payload {
  return winnerOf(record).payload
}

/** True where something stands at the path. */
export function isLive(record: Record | undefined): record is Record {
  return record !== undefined && payloadOf(record).kind !== 'deleted'
}

/** True where two payloads have the same bytes to show: metadata may differ. */
export function sameContent(a: Payload, b: Payload): boolean {
  if (a.kind === 'file' && b.kind === 'file') return compareContents(a, b) === 0
  if (a.kind === 'symlink' && b.kind === 'symlink') return a.target === b.target
  return a.kind === b.kind
}

/** True where nothing at all tells two payloads apart. */
export function samePayload(a: Payload, b: Payload): boolean {
  return comparePayloads(a, b) === 0
}

/** True where two records are the same to the last byte. */
export function sameRecord(a: Record | undefined, b: Record | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a === b) return true
  if (a.context.length !== b.context.length || a.versions.length !== b.versions.length) return false
  return (
    a.context.every((dot, i) => sameDot(dot, b.context[i])) &&
    a.versions.every((version, i) => {
      const other = b.versions[i]
      return (
        other !== undefined &&
        samePayload(version.payload, other.payload) &&
        version.hasLost === other.hasLost &&
        version.dots.length === other.dots.length &&
        version.dots.every((dot, j) => sameDot(dot, other.dots[j]))
      )
    })
  )
}

function sameDot(a: Dot, b: Dot | undefined): boolean {
  return b !== undefined && compareDots(a, b) === 0
}

const KINDS = ['deleted', 'symlink', 'file', 'directory'] as const

/**
 * The total order of payloads: the greatest wins. A directory keeps the name against anything else; whatever exists beats
 * a delete; of two files the one with the later mtime stands at the path (mtime is data here: whoever loses is kept beside it).
 */
export function comparePayloads(a: Payload, b: Payload): number {
  const byKind = KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind)
  if (byKind !== 0) return byKind
  if (a.kind === 'file' && b.kind === 'file') return compareTimes(a, b) || compareContents(a, b) || a.mode - b.mode
  if (a.kind === 'symlink' && b.kind === 'symlink') return compareTimes(a, b) || compareText(a.target, b.target)
  if (a.kind === 'directory' && b.kind === 'directory') return a.mode - b.mode
  return 0
}

function compareTimes(a: { readonly mtimeNs: bigint }, b: { readonly mtimeNs: bigint }): number {
  return a.mtimeNs === b.mtimeNs ? 0 : a.mtimeNs < b.mtimeNs ? -1 : 1
}

function compareContents(a: FilePayload, b: FilePayload): number {
  return a.size - b.size || a.content.height - b.content.height || Buffer.compare(a.content.root, b.content.root)
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

/** The order of versions in a record: the winner first, those that have lost last. */
export function compareVersions(a: Version, b: Version): number {
  return Number(a.hasLost === true) - Number(b.hasLost === true) || comparePayloads(b.payload, a.payload)
}

const symlinkTarget = text(SYMLINK_BYTES_MAX, "a symlink's target")

function preencodePayload(state: CodecState, payload: Payload): void {
  state.end += 1
  if (payload.kind === 'file') {
    uint.preencode(state, payload.size)
    int64.preencode(state, payload.mtimeNs)
    uint.preencode(state, payload.mode)
    uint.preencode(state, payload.content.height)
    hashCodec.preencode(state, payload.content.root)
  } else if (payload.kind === 'directory') uint.preencode(state, payload.mode)
  else if (payload.kind === 'symlink') {
    symlinkTarget.preencode(state, payload.target)
    int64.preencode(state, payload.mtimeNs)
  }
}

/** What is added to the number of the kind where a version has lost. */
const LOST = KINDS.length

function encodePayload(state: CodecState, payload: Payload, onTop: number): void {
  uint.encode(state, KINDS.indexOf(payload.kind) + onTop)
  if (payload.kind === 'file') {
    uint.encode(state, payload.size)
    int64.encode(state, payload.mtimeNs)
    uint.encode(state, payload.mode)
    uint.encode(state, payload.content.height)
    hashCodec.encode(state, payload.content.root)
  } else if (payload.kind === 'directory') uint.encode(state, payload.mode)
  else if (payload.kind === 'symlink') {
    symlinkTarget.encode(state, payload.target)
    int64.encode(state, payload.mtimeNs)
  }
}

function decodePayload(state: CodecState, number: number): Payload {
  const kind = KINDS[number]
  if (kind === 'deleted') return { kind }
  if (kind === 'directory') return { kind, mode: decodeMode(state) }
  if (kind === 'symlink') return decodeSymlink(state)
  if (kind === 'file') return decodeFile(state)
  throw new BackerError('MALFORMED', 'a record of an unknown kind')
}

function decodeMode(state: CodecState): number {
  const mode = uint.decode(state)
  if (mode > 0o777) throw new BackerError('LIMIT', 'a mode has more than permission bits')
  return mode
}

function decodeSymlink(state: CodecState): Payload {
  const target = symlinkTarget.decode(state)
  if (target === '' || target.includes('\0'))
    throw new BackerError('MALFORMED', "a symlink's target is empty or has a NUL")
  return { kind: 'symlink', target, mtimeNs: int64.decode(state) }
}

function decodeFile(state: CodecState): Payload {
  const size = uint.decode(state)
  const mtimeNs = int64.decode(state)
  const mode = decodeMode(state)
  const height = uint.decode(state)
  if (height > CONTENT_HEIGHT_MAX) throw new BackerError('LIMIT', 'a content tree is too high')
  return { kind: 'file', size, mtimeNs, mode, content: { height, root: hashCodec.decode(state) } }
}

/** What stands at a path, in canonical bytes. Decoding refuses what no payload can be: MALFORMED or LIMIT. */
export const payloadCodec: Codec<Payload> = {
  preencode: preencodePayload,
  encode: (state, payload) => encodePayload(state, payload, 0),
  decode: state => decodePayload(state, uint.decode(state))
}

const versionDots = list(dotCodec, VECTOR_ENTRIES_MAX, 'the writes of a version')
const versionCodec: Codec<Version> = {
  preencode(state, version) {
    versionDots.preencode(state, version.dots)
    preencodePayload(state, version.payload)
  },
  encode(state, version) {
    versionDots.encode(state, version.dots)
    encodePayload(state, version.payload, version.hasLost === true ? LOST : 0)
  },
  decode(state) {
    const dots = versionDots.decode(state)
    const number = uint.decode(state)
    if (number < LOST) return { dots, payload: decodePayload(state, number) }
    return { dots, payload: decodePayload(state, number - LOST), hasLost: true }
  }
}

const versionList = list(versionCodec, VERSIONS_MAX, 'the versions of a record')
/** A record in canonical bytes. Decoding refuses whatever breaks what a record promises: MALFORMED or LIMIT. */
export const recordCodec: Codec<Record> = {
  preencode(state, record) {
    vectorCodec.preencode(state, record.context)
    versionList.preencode(state, record.versions)
  },
  encode(state, record) {
    vectorCodec.encode(state, record.context)
    versionList.encode(state, record.versions)
  },
  decode(state) {
    const record: Record = { context: vectorCodec.decode(state), versions: versionList.decode(state) }
    checkRecord(record)
    return record
  }
}

/** What a record from others leaves free, of each of its limits: for what this device, and its later indexes, write at the path. */
const SPARE_ITEMS = 16
const SPARE_BYTES = 8192
/** A record of no more writers and writes has room, even where each is of a symlink with the longest target. */
const SURELY_SMALL = 8

/** True where a record has room for the writes of this device: one that has more than fits could never be kept. */
export function hasRoom(record: Record): boolean {
  const { context, versions } = record
  const dots = versions.reduce((sum, version) => sum + version.dots.length, 0)
  if (context.length <= SURELY_SMALL && dots <= SURELY_SMALL) return true
  if (context.length > VECTOR_ENTRIES_MAX - SPARE_ITEMS || versions.length > VERSIONS_MAX - SPARE_ITEMS) return false
  if (versions.some(version => version.dots.length > VECTOR_ENTRIES_MAX - SPARE_ITEMS)) return false
  return encodeShort(recordCodec, record).byteLength <= RECORD_BYTES_MAX - SPARE_BYTES
}

/**
 * What stands at the path of a record's bytes, without decoding the rest of it. For bytes that were checked when they
 * came; of any others it throws, or gives something, but never reads outside them.
 */
export function decodeWinner(bytes: Uint8Array): Payload {
  const state = startOf(bytes)
  return decodePayload(state, takeWinnerKind(state))
}

function startOf(bytes: Uint8Array): CodecState {
  return { buffer: bytes, start: 0, end: bytes.byteLength }
}

function takeWinnerKind(state: CodecState): number {
  skipDots(state)
  uint.decode(state)
  skipDots(state)
  return uint.decode(state) % LOST
}

/** As `decodeWinner`, but only of how many bytes the file has; undefined where it is none. */
export function decodeWinnerSize(bytes: Uint8Array): number | undefined {
  const state = startOf(bytes)
  return KINDS[takeWinnerKind(state)] === 'file' ? uint.decode(state) : undefined
}

/** As `decodeWinner`, of the record that begins where `state` stands, but only of what kind it is. */
export function decodeWinnerKind(state: CodecState): Payload['kind'] {
  const kind = KINDS[takeWinnerKind(state)]
  if (kind === undefined) throw new BackerError('MALFORMED', 'a record of an unknown kind')
  return kind
}

function checkRecord(record: Record): void {
  if (record.versions.length === 0) throw new BackerError('MALFORMED', 'a record has no version')
  record.versions.forEach((version, i) => {
    const before = record.versions[i - 1]
    if (before !== undefined && compareVersions(before, version) >= 0)
      throw new BackerError('MALFORMED', 'versions are not in order')
    if (version.dots.length === 0) throw new BackerError('MALFORMED', 'a version without a writer')
    version.dots.forEach((dot, j) => {
      const last = version.dots[j - 1]
      if (last !== undefined && compareDots(last, dot) >= 0)
        throw new BackerError('MALFORMED', 'writes are not in order')
      if (!hasSeen(record.context, dot))
        throw new BackerError('MALFORMED', 'a version that its own context has not seen')
    })
  })
}
