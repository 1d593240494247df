import test from 'brittle'
import { formatBytes, formatDuration, formatNumberOf, formatProgress, formatTable } from '../../lib/cli/format.js'

test('bytes have three figures and a unit', t => {
  const table: readonly (readonly [number, string])[] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [9_994, '9.99 kB'],
    [9_996, '10.0 kB'],
    [99_940, '99.9 kB'],
    [99_960, '100 kB'],
    [999_400, '999 kB'],
    [999_600, '1.00 MB'],
    [1_230_000, '1.23 MB'],
    [212_000_000_000, '212 GB'],
    [9e18, '9000 PB']
  ]
  for (const [bytes, text] of table) t.is(formatBytes(bytes), text)
})

test('counts, times and tables read well', t => {
  t.is(formatNumberOf(1, 'file'), '1 file')
  t.is(formatNumberOf(48_211, 'file'), '48,211 files')
  t.is(formatNumberOf(1_000_000, 'file'), '1,000,000 files')
  t.is(formatDuration(8_600), '9 s')
  t.is(formatDuration(247_000), '4:07')
  t.is(formatDuration(11_047_000), '3:04:07')
  t.alike(
    formatTable([
      ['a', 'bb', ''],
      ['ccc', 'd', 'e']
    ]),
    ['a    bb', 'ccc  d   e']
  )
})

test('progress names files, bytes, rate and what is left', t => {
  const progress = {
    filesDone: 12,
    filesTotal: 1234,
    bytesDone: 5e6,
    bytesTotal: 1e9,
    bytesPerSecond: 84e6,
    etaMs: 12_000
  }
  t.is(formatProgress(progress), '12/1,234 files, 5.00 MB of 1.00 GB, 84.0 MB/s, ETA 12 s')
  t.is(formatProgress({ ...progress, etaMs: undefined }), '12/1,234 files, 5.00 MB of 1.00 GB, 84.0 MB/s')
})
