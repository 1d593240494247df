import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import type { Backer } from '../../lib/index.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'

interface Machine {
  readonly directory: string
  readonly home: string
}

/** A machine, a copy of all of it, and another device that had met the first. */
async function makeCopy(t: Test): Promise<{ original: Machine; copy: Machine; witness: Backer }> {
  const parent = await makeDirectory(t)
  const [original, copy] = ['original', 'copy'].map(name => ({
    directory: join(parent, name),
    home: join(parent, `${name}-home`)
  })) as [Machine, Machine]
  const first = await makeBacker(t, { ...original, createDirectory: true })
  const witness = await makeBacker(t, { key: first.key, deviceName: 'witness' })
  connect(first, witness)
  await writeFile(join(original.directory, 'file'), 'one')
  await until('the witness has it', async () => (await readFile(join(witness.directory, 'file'), 'utf8')) === 'one')
  await untilSame([first, witness])
  await first.close()
  await cp(original.directory, copy.directory, { recursive: true, preserveTimestamps: true })
  await cp(original.home, copy.home, { recursive: true, preserveTimestamps: true })
  return { original, copy, witness }
}

const codesOf = (backer: Backer): readonly string[] => backer.status().problems.map(({ code }) => code)

test('two machines with one device key that meet are both told, and exchange nothing', async t => {
  const { original, copy } = await makeCopy(t)
  const [one, other] = [await makeBacker(t, original), await makeBacker(t, copy)]
  t.is(one.status().root, other.status().root)
  await writeFile(join(copy.directory, 'file'), 'of the copy')
  connect(one, other)
  await until('both are told', () => [one, other].every(backer => codesOf(backer).includes('CLONED')))
  t.alike(
    [one, other].map(backer => backer.status().peers.length),
    [0, 0]
  )
  t.is(await readFile(join(original.directory, 'file'), 'utf8'), 'one')
})

test('two machines with one device key and one index write at once: a third device notices, and every version stays', async t => {
  const { original, copy, witness } = await makeCopy(t)
  const told: string[] = []
  witness.on('problem', ({ code }) => told.push(code))
  const machines = await Promise.all([original, copy].map(machine => makeMachine(t, machine, witness)))
  await until('both are there', () => witness.status().peers.length > 0)
  await Promise.all([original, copy].map(({ directory, home }) => writeFile(join(directory, 'file'), `by ${home}`)))
  await Promise.all([original, copy].map(({ directory }, i) => writeFile(join(directory, `new-${i}`), `${i}`)))
  const wanted = [`by ${original.home}`, `by ${copy.home}`, '0', '1'].sort()
  await until('it is told at the witness', () => told.includes('CLONED'))
  await until('both are told', () => machines.every(({ codes }) => codes.has('CLONED')))
  for (const machine of machines) await machine.stop()
  // Only one of them can be connected at a time.
  for (const machine of [original, copy]) {
    const alone = await makeBacker(t, machine)
    connect(alone, witness)
    await until('it has what the other wrote, and the other way round', () => alone.status().state === 'in-sync')
    await alone.close()
  }
  t.ok(hasAll(await versionsIn(witness.directory), wanted))
})

test('a machine at rest hears from a third device that its copy has written', async t => {
  const { original, copy, witness } = await makeCopy(t)
  const machines = await Promise.all([original, copy].map(machine => makeMachine(t, machine, witness)))
  // Not at one time: what the copy notes of its own files when it is opened may be enough for the other to be told at once.
  await until('both have met the witness', () => machines.every(machine => machine.hasConnected()))
  await writeFile(join(original.directory, 'file'), 'by the original')
  await until('both are told', () => machines.every(({ codes }) => codes.has('CLONED')))
  for (const machine of machines) await machine.stop()
})

test('a copy that gets a key of its own is a device like any other', async t => {
  const { original, copy, witness } = await makeCopy(t)
  const one = await makeBacker(t, original)
  await writeFile(join(copy.directory, 'file'), 'written on the copy while nobody ran')
  await rm(join(copy.home, 'device.key'))
  const other = await makeBacker(t, copy)
  await writeFile(join(original.directory, 'file'), 'written on the original')
  for (const [a, b] of [
    [one, witness],
    [other, witness],
    [one, other]
  ] as const)
    connect(a, b)
  await until('three have met', () => [one, other, witness].every(backer => backer.status().peers.length === 2))
  const wanted = ['written on the copy while nobody ran', 'written on the original']
  await until('both versions are there', async () => hasAll(await versionsIn(witness.directory), wanted))
  await untilSame([one, other, witness])
  for (const { directory } of [original, copy]) t.ok(hasAll(await versionsIn(directory), wanted), directory)
  t.absent([one, other, witness].flatMap(codesOf).includes('CLONED'))
})

interface Running {
  /** The codes of all problems that were told. */
  readonly codes: ReadonlySet<string>
  readonly hasConnected: () => boolean
  readonly stop: () => Promise<void>
}

/** Runs a machine as the daemon does: connected to the witness whenever it is not, and opened anew where its index is given up. */
async function makeMachine(t: Test, machine: Machine, witness: Backer): Promise<Running> {
  let isStopped = false
  let hasConnected = false
  const codes = new Set<string>()
  const start = async (): Promise<Backer> => {
    const made = await makeBacker(t, machine)
    made.on('problem', ({ code }) => codes.add(code))
    made.on('peer', ({ type }) => (hasConnected ||= type === 'connected'))
    return made
  }
  let backer: Backer | undefined = await start()
  const live = async (): Promise<void> => {
    while (!isStopped) {
      if (backer?.status().state === 'stopped') {
        const closing = backer
        backer = undefined
        await closing.close()
        backer = await start()
      }
      if (backer?.status().peers.length === 0) connect(backer, witness)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
  const living = live()
  return {
    codes,
    hasConnected: () => hasConnected,
    stop: async () => {
      isStopped = true
      await living
      await backer?.close()
      backer = undefined
    }
  }
}

async function versionsIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter(name => name !== '.backer')
  return (await Promise.all(names.map(name => readFile(join(directory, name), 'utf8')))).sort()
}

function hasAll(found: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every(version => found.includes(version))
}
