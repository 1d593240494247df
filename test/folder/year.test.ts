import test from 'brittle'
import { Year } from '../year/year.js'

test('a year with a few edits: every kept moment restores byte for byte', { timeout: 170_000 }, async t => {
  const { problems, snapshotsMade, storeBytes, uniqueBytes } = await new Year('few', 40).run()
  t.alike(problems, [])
  t.ok(snapshotsMade > 15)
  t.ok(storeBytes <= 1.3 * uniqueBytes, `${storeBytes} bytes for ${uniqueBytes} of chunks`)
})
