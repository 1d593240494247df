import { readdir, writeFile } from 'node:fs/promises'
import test, { type Test } from 'brittle'
import { DAY_MS, devicesFile, KnownDevices, type SeenPeer } from '../../lib/daemon/known-devices.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { makeTemporary } from '../make/temporary.js'
import { codeRejectedBy } from '../make/thrown.js'

const NAS: SeenPeer = { device: 'aa', name: 'nas', role: 'writer', replica: '01' }

/** A home whose clock is turned by hand. */
async function makeHome(t: Test) {
  const home = await makeTemporary(t)
  const now = { ms: Date.UTC(2026, 0, 1) }
  const runtime = { ...realRuntime(), clock: { now: () => now.ms, monotonic: () => now.ms } }
  return { home, now, open: () => KnownDevices.open(home, runtime) }
}

test('when a device was seen last is known after a restart, with all names of its writes', async t => {
  const { now, open } = await makeHome(t)
  const first = await open()
  first.seen('folder', NAS)
  now.ms += 1000
  first.seen('folder', { ...NAS, name: 'NAS', replica: '02' })
  await first.close()
  const [known] = (await open()).of('folder')
  t.alike(known, {
    device: 'aa',
    name: 'NAS',
    role: 'writer',
    firstSeenMs: now.ms - 1000,
    lastSeenMs: now.ms,
    replicas: ['02', '01']
  })
})

test('a device that is not seen for a week is told of once, also after a restart, and again after it was back', async t => {
  const { now, open } = await makeHome(t)
  let devices = await open()
  devices.seen('folder', NAS)
  now.ms += 7 * DAY_MS - 1
  t.alike(devices.tellUnseen('folder', new Set(), 7), [])
  now.ms += 1
  t.alike(devices.tellUnseen('folder', new Set(['aa']), 7), [], 'one that is connected is seen')
  t.is(devices.tellUnseen('folder', new Set(), 7)[0]?.name, 'nas')
  await devices.close()
  devices = await open()
  t.alike(devices.tellUnseen('folder', new Set(), 7), [])
  devices.seen('folder', NAS)
  now.ms += 8 * DAY_MS
  t.is(devices.tellUnseen('folder', new Set(), 7).length, 1)
  t.alike(devices.tellUnseen('folder', new Set(), Infinity), [])
  t.ok(devices.forget('folder', 'aa'))
  t.absent(devices.forget('folder', 'aa'))
  t.alike(devices.of('folder'), [])
})

test('a list that is damaged is put aside, told once, and begun anew', async t => {
  const { home, open } = await makeHome(t)
  await writeFile(devicesFile(home), '{ "schema": 1, "folders": 7 }')
  t.is(await codeRejectedBy(open), 'MALFORMED')
  t.ok((await readdir(home)).some(name => name.startsWith('devices.json.damaged-')))
  t.alike((await open()).of('folder'), [])
  await writeFile(devicesFile(home), '{ "schema": 2 }')
  t.is(await codeRejectedBy(open), 'UNSUPPORTED')
  t.ok((await readdir(home)).includes('devices.json'), 'what a newer backer wrote stays')
})

test('what a device held when it was seen to hold the same is kept', async t => {
  const { open } = await makeHome(t)
  const first = await open()
  first.seen('folder', NAS)
  t.is(first.of('folder')[0]?.root, undefined)
  first.seen('folder', NAS, 'a root')
  first.seen('folder', NAS)
  await first.close()
  t.is((await open()).of('folder')[0]?.root, 'a root')
})
