import test from 'brittle'
import { readFile, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The rows of the threat table, by who attacks: a stranger, a reader, the holder of a store key, a relay, a writer, another local user. */
const ROWS: Readonly<Record<string, number>> = { A: 13, B: 8, C: 8, D: 7, E: 15, G: 8 }

/** Rows without a test: what they are about does not exist here, or is not this program's to hold. */
const WITHOUT: Readonly<Record<string, string>> = {
  A7: 'remembered addresses and a LAN road come before the DHT: with the network suite',
  A13: 'there are no pairing codes: a key has 256 bits',
  C3: 'a device with the store key alone holds nothing: nobody gives it ciphertext',
  C4: 'as C3: there is nothing whose sizes it could compare',
  E15: 'the rules of what is ignored are shared on purpose: whoever may write may change them',
  G8: 'the kernel decides who may send signals'
}

test('every row of the threat table has a test with its number, or a reason to have none', async t => {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const files = (await readdir(root, { recursive: true })).filter(name => name.endsWith('.test.js'))
  const titles = (await Promise.all(files.map(name => readFile(join(root, name), 'utf8'))))
    .flatMap(source => source.match(/\b(?:solo|skip|test)\(\s*['"`][^'"`\n]*/g) ?? [])
    .flatMap(title => title.match(/\b[A-G]\d+\b(?=[^a-z]*:)|\b[A-G]\d+(?=:)/g) ?? [])
  const tested = new Set(titles)
  const rows = Object.entries(ROWS).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, i) => `${letter}${i + 1}`)
  )
  t.alike(
    rows.filter(row => !tested.has(row) && !(row in WITHOUT)),
    [],
    'rows that nobody plays'
  )
  t.alike(
    Object.keys(WITHOUT).filter(row => tested.has(row)),
    [],
    'rows that have a test by now'
  )
})
