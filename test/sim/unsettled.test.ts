import test from 'brittle'
import { Bench } from './bench-of-devices.js'
import type { Device } from './device.js'

/** Larger than what is read at once, however young it is. */
const LARGE_BYTES = 1_500_000

test('a large file that comes and goes while another one is gone keeps nobody waiting', async t => {
  for (const smallGoesAtMs of [60, 75, 90, 105, 120]) {
    const bench = new Bench(`unsettled ${smallGoesAtMs}`, 1)
    const [device] = bench.devices as [Device]
    bench.start(device)
    await bench.until('it runs', () => device.running?.isReady === true)
    bench.write(device, 'small', Buffer.from('small'))
    await bench.until('it is known', () => device.entries.size === 1 && device.running!.folder.isIdle)
    bench.write(device, 'large', new Uint8Array(LARGE_BYTES).fill(7))
    await passes(bench, smallGoesAtMs)
    bench.remove(device, 'small')
    await passes(bench, 20)
    bench.remove(device, 'large')
    await bench.until(
      'nothing is left to do',
      () => device.running!.folder.isIdle && device.running!.folder.status().files === 0
    )
    bench.write(device, 'large', new Uint8Array(LARGE_BYTES).fill(8))
    await bench.until(
      'what stays is taken in',
      () => device.entries.has('large' as never) && device.running!.folder.isIdle
    )
    t.is(device.running!.folder.status().files, 1)
  }
})

async function passes(bench: Bench, ms: number): Promise<void> {
  const end = bench.scheduler.nowMs + ms
  while (await bench.scheduler.step(end));
}
