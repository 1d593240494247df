import { readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'brittle'
import { connect, makeBacker, makeDirectory, until, type Scope } from './backers.js'
import { CostMeter, MEMORY_BYTES_MAX } from './cost-meter.js'
import { readTree, writeTree } from './tree.js'
import type { Backer, BackerOptions } from '../../lib/index.js'

/** What an attack may cost (reliability: threat model, method). */
const DESCRIPTORS_MAX = 64
const LAG_MS_MAX = 200

/** A device that is attacked, an honest one beside it, and what must come out of it unchanged. */
export interface Scene {
  readonly victim: Backer
  readonly honest: Backer
  /** The directory in which the victim's folder lies, with things beside it that are none of anybody's business. */
  readonly outside: string
  /** Memory, descriptors and lag are measured from here on: from the start, and from the last check. */
  readonly begin: () => void
  /**
   * Asserts that nothing outside the folder has changed, that memory, descriptors and the lag of the event loop kept in bounds, and
   * that both honest devices still hear of each other's changes.
   */
  readonly check: (t: Test) => Promise<void>
  readonly close: () => Promise<void>
}

class SceneScope implements Scope {
  readonly #ends: { readonly end: () => unknown; readonly order: number }[] = []

  teardown(end: () => unknown, { order = 0 }: { order?: number } = {}): void {
    this.#ends.push({ end, order })
  }

  async close(): Promise<void> {
    for (const { end } of this.#ends.sort((a, b) => a.order - b.order)) await end()
  }
}

/** Two honest devices of one folder, connected; the first is about to be attacked. To be closed by the last test that uses it. */
export async function makeScene(options: BackerOptions = {}): Promise<Scene> {
  const scope = new SceneScope()
  const outside = await makeDirectory(scope)
  await writeTree(outside, {
    folder: null,
    secret: { bytes: 'none of your business', mode: 0o600, mtime: new Date('2001-02-03T04:05:06Z') },
    'other/passwd': 'root:x:0:0',
    'other/deep/file': 'deep'
  })
  const victim = await makeBacker(scope, { directory: join(outside, 'folder'), ...options })
  await writeTree(victim.directory, { 'mine.txt': 'mine', 'd/inner': 'inner' })
  const honest = await makeBacker(scope, { key: victim.key })
  connect(victim, honest)
  await until('the honest device has it', async () => (await readTree(honest.directory)).length === 3)
  const before = await sentinels(outside)
  const cost = new CostMeter()
  scope.teardown(() => cost.stop())
  let descriptors = 0
  const begin = (): void => {
    descriptors = countDescriptors()
    cost.reset()
  }
  begin()
  let checks = 0
  const check = async (t: Test): Promise<void> => {
    t.alike(await sentinels(outside), before, 'nothing outside the folder has changed')
    const grewBytes = cost.memoryGrewBytes()
    t.ok(grewBytes < MEMORY_BYTES_MAX, `memory grew by ${Math.round(grewBytes / 1024 / 1024)} MiB`)
    t.ok(countDescriptors() - descriptors < DESCRIPTORS_MAX, `${countDescriptors() - descriptors} descriptors more`)
    const lagMs = cost.worstLagMs
    t.ok(lagMs < LAG_MS_MAX, `the event loop was held up ${Math.round(lagMs)} ms`)
    const text = `still going ${++checks}`
    await writeFile(join(honest.directory, 'after'), text)
    await until('honest devices go on', async () => (await readFile(join(victim.directory, 'after'), 'utf8')) === text)
    begin()
  }
  return { victim, honest, outside, begin, check, close: () => scope.close() }
}

/** All that lies beside the folder. */
function sentinels(outside: string): Promise<string[]> {
  return readTree(outside, { without: 'folder' })
}

function countDescriptors(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0
}
