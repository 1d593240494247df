import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import test from 'brittle'
import { DOCUMENT, withTables } from './card.js'

test('the tables in the documentation are those that the recorded figures and the tests’ titles make', t => {
  const text = readFileSync(resolve(DOCUMENT), 'utf8')
  t.ok(text === withTables(text), 'or make them anew by npm run card')
})

test('a document without a place for them is told', async t => {
  await t.exception(() => withTables('nothing'), /no place/)
})
