import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import type { BackerError } from '../../lib/core/error.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'
import { readTree, writeTree } from '../make/tree.js'

const VICTIM = 'the-one-whose-rows-are-damaged'

test('an index that is damaged while it is in use stops the folder, and the next start loses nothing', async t => {
  const directory = await makeDirectory(t)
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`file ${i}`, `content ${i}`]))
  await writeTree(directory, { ...files, [VICTIM]: 'old' })
  const a = await makeBacker(t, { directory })
  const b = await makeBacker(t, { key: a.key })
  const cut = connect(a, b)
  await untilSame([a, b])
  const errors: BackerError[] = []
  a.on('error', error => errors.push(error))
  await damageRows(join(directory, '.backer', 'index', 'data.mdb'))
  await writeFile(join(directory, VICTIM), 'new')
  await until('it is told', () => errors.length > 0)
  t.is(errors[0]?.code, 'STORE_CORRUPT')
  t.is(a.status().state, 'stopped')
  t.is(a.status().error?.code, 'STORE_CORRUPT')
  t.is(await readFile(join(b.directory, VICTIM), 'utf8'), 'old')
  await a.close()
  cut()

  const again = await makeBacker(t, { directory })
  connect(again, b)
  await untilSame([again, b])
  t.alike(await readTree(b.directory), await readTree(directory))
  const names = (await readdir(directory)).filter(name => name !== '.backer')
  const found = await Promise.all(names.map(name => readFile(join(directory, name), 'utf8')))
  t.alike(found.sort(), [...Object.values(files), 'old', 'new'].sort(), 'both versions of the one, and all others')
})

/** Damages all rows that have the victim's name, in the file that the process has mapped. */
async function damageRows(file: string): Promise<void> {
  const bytes = await readFile(file)
  let found = 0
  for (let at = bytes.indexOf(VICTIM); at >= 0; at = bytes.indexOf(VICTIM, at + 1)) {
    bytes[at + VICTIM.length + 1]! ^= 1
    found++
  }
  if (found === 0) throw new Error('the index does not know it')
  await writeFile(file, bytes, { flag: 'r+' })
}
