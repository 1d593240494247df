import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { Remote } from '../faults/remote.js'
import { makeBacker, makeDirectory, until, type Scope } from '../make/backers.js'
import { SeededRandom } from '../sim/random.js'
import { Model, type Value } from './model.js'

const { RUNS = '20', SEED = '1' } = process.env
const OPERATIONS = 14
const NAME = 'file'

/** Three devices in processes of their own; the middle one is this. */
async function makeDevices(t: Scope) {
  const here = await makeBacker(t)
  const base = await makeDirectory(t)
  const remotes: Remote[] = []
  const directories = [here.directory]
  for (const name of ['left', 'right']) {
    const directory = join(base, name)
    mkdirSync(directory)
    remotes.push(await new Remote(t, { directory, home: join(base, `${name}-home`), peer: here }).ready())
    directories.push(directory)
  }
  const rest = (): Promise<void> =>
    until('all are at rest', async () => {
      const states = [here.status(), ...(await Promise.all(remotes.map(remote => remote.status())))]
      const shown = directories.map(directory => valuesIn(directory).join())
      return states.every(({ idle, root }) => idle && root === states[0]?.root) && shown.every(one => one === shown[0])
    })
  return { directories, rest }
}

function valuesIn(directory: string): string[] {
  const names = readdirSync(directory).filter(name => !name.startsWith('.'))
  return names.map(name => readFileSync(join(directory, name), 'utf8')).sort()
}

function read(directory: string): Value {
  try {
    return readFileSync(join(directory, NAME), 'utf8')
  } catch {
    return undefined
  }
}

function write(directory: string, value: Value): void {
  if (value === undefined) return rmSync(join(directory, NAME), { force: true })
  writeFileSync(join(directory, '.new'), value)
  renameSync(join(directory, '.new'), join(directory, NAME))
}

test(
  `${RUNS} runs of three devices show nothing that the model of a synchronizer does not allow`,
  { timeout: 850_000 },
  async t => {
    const { directories, rest } = await makeDevices(t)
    for (let run = 0; run < Number(RUNS); run++) {
      const random = new SeededRandom(`model ${SEED} ${run}`)
      const model = new Model(directories.length)
      const log: string[] = []
      for (let i = 0; i < OPERATIONS; i++) {
        const device = random.below(directories.length)
        const directory = directories[device] ?? ''
        await new Promise(resolve => setTimeout(resolve, random.oneIn(3) ? 0 : random.below(120)))
        if (random.oneIn(4)) {
          const value = read(directory)
          log.push(`${device} shows ${value}`)
          if (!model.read(device, value)) {
            t.fail(`run ${run}: ${log.join('; ')}`)
            return
          }
        } else {
          const value = random.oneIn(5) ? undefined : `${run}.${i}`
          write(directory, value)
          log.push(`${device} is given ${value}`)
          model.write(device, value)
        }
      }
      await rest()
      const values = valuesIn(directories[0] ?? '')
      const { outcomes } = model
      if (!model.settle(values)) {
        t.fail(`run ${run}: ${log.join('; ')}; in the end ${values.join()}, not one of ${outcomes.join(' or ')}`)
        return
      }
      for (const name of readdirSync(directories[0] ?? ''))
        if (!name.startsWith('.')) rmSync(join(directories[0] ?? '', name))
      await rest()
    }
    t.pass()
  }
)
