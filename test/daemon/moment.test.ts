import test from 'brittle'
import { parseMoment } from '../../lib/daemon/moment.js'
import { codeThrownBy } from '../make/thrown.js'

const NOW = Date.UTC(2026, 5, 15, 12)
const HOUR_MS = 3600 * 1000

test('a moment is a time, how long ago it was, or the id of a snapshot', t => {
  const times: Readonly<Record<string, number>> = {
    now: NOW,
    yesterday: NOW - 24 * HOUR_MS,
    '2 hours ago': NOW - 2 * HOUR_MS,
    '2h ago': NOW - 2 * HOUR_MS,
    'an hour ago': NOW - HOUR_MS,
    '1 minute ago': NOW - 60_000,
    '30 min ago': NOW - 30 * 60_000,
    '3 days ago': NOW - 72 * HOUR_MS,
    '1 Week ago': NOW - 7 * 24 * HOUR_MS,
    '2026-01-31T18:00Z': Date.UTC(2026, 0, 31, 18),
    '2026-01-31T18:00:01.5+02:00': Date.UTC(2026, 0, 31, 16, 0, 1, 500),
    '2026-01-31 18:00': new Date(2026, 0, 31, 18).getTime(),
    ' 2026-01-31 ': new Date(2026, 0, 31).getTime()
  }
  for (const [text, atMs] of Object.entries(times)) t.alike(parseMoment(text, NOW), { kind: 'time', atMs }, text)
  t.alike(parseMoment('20260131-180000-abc234', NOW), { kind: 'id', id: '20260131-180000-abc234' })
  for (const text of ['', 'soon', '2 hours', 'hours ago', '2 ago', '2026', '2026-13-01', '5', '20260131-180000-abc1'])
    t.is(
      codeThrownBy(() => parseMoment(text, NOW)),
      'USAGE',
      text
    )
})
