import test from 'brittle'
import { ROWS, testsByRow, WITHOUT } from './rows.js'

test('every row of the threats and faults has a test with its number, or a reason to have none', t => {
  const tests = testsByRow()
  t.alike(
    Object.keys(ROWS).filter(row => !tests.has(row) && !(row in WITHOUT)),
    [],
    'rows that nobody plays'
  )
  t.alike(
    Object.keys(WITHOUT).filter(row => tests.has(row)),
    [],
    'rows that have a test by now'
  )
  const known = [...tests.keys()].filter(row => /^[A-G]/.test(row))
  t.alike(
    known.filter(row => !(row in ROWS)),
    [],
    'numbers that are no row'
  )
})
