import test from 'brittle'
import { LabDevice, startDht } from './device.js'
import { Lab } from './lab.js'

/** A lab with all that a lab can have, for `cleanup.test.ts`: prints what is to be gone when it ends, and goes on until somebody ends it. */
test('held', { timeout: 120_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const [host] = lab.home(pub, 'random').hosts
  await lab.link({ rateMbit: 100, delayMs: 1, lossPercent: 0 })
  const device = await LabDevice.make(t, host!, { BACKER_BOOTSTRAP: await startDht(t, pub) })
  await device.share()
  console.log(`held ${lab.name} ${pub.directory}`)
  await new Promise(() => setInterval(() => undefined, 60_000))
})
