import test from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import type { Record } from '../../lib/core/model/record.js'
import { buildTree } from '../../lib/core/tree/update.js'
import { MemoryIndex } from '../../lib/store/memory.js'
import { replica } from '../make/record.js'
import type { Device } from './device.js'
import { Broken, Ledger } from './ledger.js'
import { makePlan, type Plan } from './plan.js'
import { inspectIndex, inspectMerging, Knowledge } from './records.js'
import { runPlan, shrink } from './run.js'
import { FOUND } from './seeds.js'
import { Volume, type Inode } from './volume.js'
import { Witness } from './witness.js'

const SEEDS = 10

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`simulated run ${seed} keeps every promise`, { timeout: 60_000 }, async t => {
    const { broken, trace } = await runPlan(makePlan(`${seed}`))
    t.absent(broken, broken === undefined ? '' : [...trace.slice(-50), broken.sentence].join('\n'))
  })
}

for (const { title, plan } of FOUND) {
  test(`a run that was found keeps every promise: ${title}`, { timeout: 60_000 }, async t => {
    const { broken, trace } = await runPlan(plan)
    t.absent(broken, broken === undefined ? '' : [...trace.slice(-50), broken.sentence].join('\n'))
  })
}

test('the same plan goes the same way twice, by calls and by the real protocol', { timeout: 60_000 }, async t => {
  for (const line of ['fast', 'wire'] as const) {
    const plan = makePlan('replay', { stepCount: 40, deviceCount: 3, line })
    const [one, two] = [await runPlan(plan), await runPlan(plan)]
    t.ok(one.eventCount > 500, `${one.eventCount} events`)
    t.is(one.fingerprint, two.fingerprint)
  }
})

test('a run that breaks a promise is shrunk to what it takes', { timeout: 60_000 }, async t => {
  // Nobody can become equal when one of the two never comes back.
  const endless = { kind: 'misfortune', misfortune: { kind: 'kill', device: 1, afterChanges: 0, downMs: 1e9 } } as const
  const { steps, ...rest } = makePlan('shrink', { stepCount: 12, deviceCount: 2, line: 'fast' })
  const plan: Plan = { ...rest, steps: [...steps.slice(0, 6), { afterMs: 0, ...endless }, ...steps.slice(6)] }
  const smallest = await shrink(plan, 'L1')
  t.alike(
    smallest.steps.map(({ kind }) => kind),
    ['misfortune']
  )
})

/** A disk that is watched, on which a user has written one file. */
function watchedDisk(): { readonly volume: Volume; readonly witness: Witness; readonly file: Inode } {
  const volume = new Volume({ wallMs: () => 0, reusesInodes: false, order: 'journal' })
  const ledger = new Ledger()
  const witness = new Witness('disk', { volume, root: volume.root, ledger })
  const file = volume.asUser(() => {
    const made = volume.makeInode('file', 0o644)
    volume.change([{ directory: volume.root, name: 'a', after: made }])
    volume.hold(made, { bytes: Buffer.from('hello') })
    return made
  })
  witness.refresh('user')
  volume.syncAll()
  return { volume, witness, file }
}

test('a witness sees a file that is destroyed, invented, or taken without a reason', t => {
  const breaks = (act: (volume: Volume, file: Inode) => void): string | undefined => {
    const { volume, witness, file } = watchedDisk()
    act(volume, file)
    try {
      witness.refresh('engine')
      witness.conclude()
      return undefined
    } catch (error) {
      if (error instanceof Broken) return error.promise
      throw error
    }
  }
  const gone = { name: 'a', after: undefined }
  t.is(
    breaks(volume => volume.change([{ directory: volume.root, ...gone }])),
    'S2'
  )
  t.is(
    breaks((volume, file) => volume.hold(file, { bytes: new Uint8Array(5) })),
    'S3'
  )
  t.is(
    breaks((volume, file) =>
      volume.change([
        { directory: volume.root, ...gone },
        { directory: volume.root, name: 'b', after: file }
      ])
    ),
    'S8'
  )
  t.is(
    breaks(() => undefined),
    undefined
  )
})

test('S6, S18 and S20: what devices know is merged in any order, only grows, and is whole in each index', t => {
  const image = new MemoryIndex()
  const device = { name: 'd0', image, entries: image.entries } as unknown as Device
  const path = parsePath('a')
  const put = (record: Record): void => {
    image.entries.set(path, { record, stamp: undefined })
    image.root = buildTree([[path, record]]).root
    image.sequence++
  }
  const [first, second] = [
    { replica: replica(1), counter: 1 },
    { replica: replica(1), counter: 2 }
  ]
  const deleted = { kind: 'deleted' } as const
  const knowledge = new Knowledge(device)
  const broken = (look: () => void): string | undefined => {
    try {
      look()
      return undefined
    } catch (error) {
      if (error instanceof Broken) return error.promise
      throw error
    }
  }
  put({ context: [second], versions: [{ dots: [second], payload: deleted }] })
  for (const look of [() => knowledge.look(), () => inspectIndex(device), () => inspectMerging([device, device])])
    t.is(broken(look), undefined)
  image.entries.delete(path)
  t.is(
    broken(() => inspectIndex(device)),
    'S20'
  )
  put({ context: [first], versions: [{ dots: [first], payload: deleted }] })
  t.is(
    broken(() => knowledge.look()),
    'S18'
  )
})

test('a witness sees what a power loss takes that was synced', async t => {
  const { volume, witness } = watchedDisk()
  witness.conclude()
  witness.brace(false, [])
  volume.change([{ directory: volume.root, name: 'a', after: undefined }])
  await t.exception(() => witness.refresh('power'), /S19/)
})
