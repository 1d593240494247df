import { BackerError } from '../core/error.js'
import { isKeptId } from '../core/model/snapshot.js'
import type { Moment } from '../folder/past.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** Units of "2 hours ago", by their first letters. A month has 30 days, a year 365. */
const UNITS_MS: Readonly<Record<string, number>> = {
  second: 1000,
  minute: MINUTE_MS,
  hour: HOUR_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30 * DAY_MS,
  year: 365 * DAY_MS
}
const DATE = /^\d{4}-\d{2}-\d{2}$/
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/i

/**
 * The moment that a text means: the id of a snapshot, `now`, `2 hours ago`, `yesterday`, or a date and time as RFC 3339 has them, of which the zone
 * (then it is this computer's) and the time (then the day begins) may be left out. Throws USAGE.
 */
export function parseMoment(text: string, nowMs: number): Moment {
  const wanted = text.trim()
  if (isKeptId(wanted)) return { kind: 'id', id: wanted }
  const atMs = agoIn(wanted.toLowerCase(), nowMs) ?? dateIn(wanted)
  if (atMs !== undefined) return { kind: 'time', atMs }
  throw new BackerError('USAGE', `"${text}" is no time`, {
    hint: 'Such as 2026-01-31T18:00, "2 hours ago", or the id of a snapshot: see backer snapshots.'
  })
}

function agoIn(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs
  if (text === 'yesterday') return nowMs - DAY_MS
  const [, count = '', letters = ''] = /^(\d{1,6}|an?) ?([a-z]+?)s?( ago)$/.exec(text) ?? []
  const unit = Object.entries(UNITS_MS).find(([name]) => letters !== '' && name === (SHORT[letters] ?? letters))
  return unit === undefined ? undefined : nowMs - (count.startsWith('a') ? 1 : Number(count)) * unit[1]
}

const SHORT: Readonly<Record<string, string>> = {
  sec: 'second',
  min: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  y: 'year'
}

function dateIn(text: string): number | undefined {
  const full = DATE.test(text) ? `${text}T00:00` : DATE_TIME.test(text) ? text.replace(' ', 'T') : undefined
  const ms = full === undefined ? Number.NaN : Date.parse(full)
  return Number.isNaN(ms) ? undefined : ms
}

/** How long ago something was: `12 s`, `5 min`, `3 h`, `12 days`. */
export function formatAge(ms: number): string {
  const minutes = Math.max(0, ms) / 60_000
  if (minutes < 1) return `${Math.round(minutes * 60)} s`
  if (minutes < 60) return `${Math.floor(minutes)} min`
  const hours = minutes / 60
  return hours < 48 ? `${Math.floor(hours)} h` : `${Math.floor(hours / 24)} days`
}
