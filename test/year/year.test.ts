import test from 'brittle'
import { Year } from './year.js'

const EDITS = 1000
const { SEED = '1' } = process.env

test(
  `a year with ${EDITS} edits (seed ${SEED}): every kept moment restores byte for byte`,
  { timeout: 850_000 },
  async t => {
    const report = await new Year(SEED, EDITS).run()
    t.comment(JSON.stringify({ ...report, problems: report.problems.length }))
    t.alike(report.problems, [])
    t.ok(report.snapshotsMade > 300, `${report.snapshotsMade} snapshots were made`)
    t.ok(report.snapshotsKept > 15 && report.snapshotsKept < 100, `${report.snapshotsKept} of them are kept`)
    t.ok(report.revisionsKept > 100, `${report.revisionsKept} versions are kept`)
    t.ok(
      report.storeBytes <= 1.3 * report.uniqueBytes,
      `${report.storeBytes} bytes for ${report.uniqueBytes} of chunks`
    )
  }
)
