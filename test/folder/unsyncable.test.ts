import { symlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { makeBacker, makeDirectory, until } from '../make/backers.js'

test('a link that comes to point at what is no text is told, and holds up nothing', async t => {
  const directory = await makeDirectory(t)
  await symlink('target', join(directory, 'link'))
  const a = await makeBacker(t, { directory })
  await until('scanned', () => a.status().idle && a.status().records === 1)
  const root = a.status().root
  await rm(join(directory, 'link'))
  await symlink(Buffer.from([0x66, 0xff]), join(directory, 'link'))
  await until('it is told', () => a.status().problems.some(({ path }) => path === 'link'))
  await writeFile(join(directory, 'other'), 'other')
  await until('other things go on', () => a.status().idle && a.status().files === 1)
  await until('its last version stays', () => a.status().records === 2)
  t.not(a.status().root, root)
  await rm(join(directory, 'link'))
  await until('it is over', () => a.status().idle && a.status().problemCount === 0)
})
