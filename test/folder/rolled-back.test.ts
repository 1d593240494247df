import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import type { BackerError } from '../../lib/core/error.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'

test(
  'a device that was put back to an earlier state, index and all, finds it out and overwrites nothing',
  { timeout: 90_000 },
  async t => {
    const parent = await makeDirectory(t)
    const [directory, copy] = [join(parent, 'folder'), join(parent, 'copy')]
    const file = join(directory, 'file')
    const first = await makeBacker(t, { directory, createDirectory: true })
    const b = await makeBacker(t, { key: first.key })
    let cut = connect(first, b)
    await writeFile(file, 'one')
    await until('b has it', async () => (await readFile(join(b.directory, 'file'), 'utf8')) === 'one')
    await first.close()
    cut()
    await cp(directory, copy, { recursive: true, preserveTimestamps: true })

    const second = await makeBacker(t, { directory })
    cut = connect(second, b)
    await writeFile(file, 'two, which is lost here')
    await until('b has that', async () => (await readFile(join(b.directory, 'file'), 'utf8')).startsWith('two'))
    await second.close()
    cut()
    await rm(directory, { recursive: true })
    await cp(copy, directory, { recursive: true, preserveTimestamps: true })

    // It writes with counters that it has used before, and that b has seen.
    const third = await makeBacker(t, { directory })
    await writeFile(file, 'three')
    await until('it is in the index', () => third.status().idle && third.status().bytes === 5)
    const errors: BackerError[] = []
    third.on('error', error => errors.push(error))
    cut = connect(third, b)
    await until('it is told', () => errors.length > 0)
    t.is(errors[0]?.code, 'ROLLED_BACK')
    t.is(third.status().state, 'stopped')
    t.is(await readFile(file, 'utf8'), 'three')
    await third.close()
    cut()

    const fourth = await makeBacker(t, { directory })
    connect(fourth, b)
    await until('they meet', () => fourth.status().peers.length > 0)
    await untilSame([fourth, b])
    for (const at of [directory, b.directory]) {
      const names = (await readdir(at)).filter(name => name !== '.backer')
      const found = await Promise.all(names.map(name => readFile(join(at, name), 'utf8')))
      t.alike(found.sort(), ['three', 'two, which is lost here'])
    }
  }
)
