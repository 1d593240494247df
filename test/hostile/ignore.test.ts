import test from 'brittle'
import { existsSync } from 'node:fs'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'
import type { Backer } from '../../lib/index.js'

test('E15: a writer who changes the ignore rules deletes nothing by what they hide, and overwrites nothing by what they lay bare', async t => {
  const directories = [await makeDirectory(t), await makeDirectory(t)] as const
  for (const directory of directories) await writeFile(join(directory, '.backerignore'), 'private*\n')
  const victim = await makeBacker(t, { directory: directories[0] })
  const writer = await makeBacker(t, { directory: directories[1], key: victim.key })
  connect(victim, writer)
  const at = (device: Backer, name: string): string => join(device.directory, name)
  await writeFile(at(victim, 'private'), 'the victim’s own')
  await writeFile(at(writer, 'private'), 'the writer’s own')
  await writeFile(at(victim, 'document'), 'of both')
  await until('it came', () => existsSync(at(writer, 'document')))
  await untilSame([victim, writer])
  t.is(await readFile(at(victim, 'private'), 'utf8'), 'the victim’s own')

  await writeFile(at(writer, '.backerignore'), 'document\n')
  await until('the rules came', async () => (await readFile(at(victim, '.backerignore'), 'utf8')) === 'document\n')
  const privates = async (device: Backer): Promise<string[]> => {
    const names = (await readdir(device.directory)).filter(name => name.startsWith('private'))
    return (await Promise.all(names.map(name => readFile(at(device, name), 'utf8')))).sort()
  }
  for (const device of [victim, writer])
    await until('both are on both', async () => (await privates(device)).join() === 'the victim’s own,the writer’s own')
  await writeFile(at(victim, 'document'), 'changed where it is hidden')
  for (const device of [victim, writer]) await device.rescan()
  await untilSame([victim, writer])
  t.is(await readFile(at(writer, 'document'), 'utf8'), 'of both')

  await rm(at(writer, '.backerignore'))
  await until('the rules are gone', () => !existsSync(at(victim, '.backerignore')))
  const document = (device: Backer): Promise<string> => readFile(at(device, 'document'), 'utf8')
  for (const device of [victim, writer])
    await until('what was hidden is seen', async () => (await document(device)) === 'changed where it is hidden')
  await untilSame([victim, writer])
})
