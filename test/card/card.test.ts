import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import test from 'brittle'
import { DOCUMENT, withCard } from './card.js'

test('the card in the documentation is the one that the recorded figures make', t => {
  const text = readFileSync(resolve(DOCUMENT), 'utf8')
  t.is(text, withCard(text), 'make it anew by npm run card')
})

test('a document without a place for the card is told', async t => {
  await t.exception(() => withCard('nothing'), /no place/)
})
