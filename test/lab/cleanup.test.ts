import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test from 'brittle'

const HELD = fileURLToPath(new URL('./held.js', import.meta.url))
const LOOK_MS = 50
const GONE_MS = 20_000

/** Everything on this machine that bears a lab's name or lies in its directory. */
function traces(name: string, directory: string): readonly string[] {
  const lines = (program: string, ...words: string[]): string[] =>
    spawnSync(program, words, { encoding: 'utf8' }).stdout.split('\n')
  const named = [...lines('ip', 'netns', 'list'), ...lines('ip', '-o', 'link')].filter(line => line.includes(name))
  const processes = readdirSync('/proc').filter(pid => /^\d+$/.test(pid) && wordsOf(pid).includes(directory))
  return [...named, ...processes.map(pid => `process ${pid}`), ...(existsSync(directory) ? [directory] : [])]
}

function wordsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8') + readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
  test(`${signal} in the middle leaves nothing of a lab behind`, { timeout: 120_000 }, async t => {
    // A group of its own: a terminal sends its signal to all that the test has started.
    const child = spawn(process.execPath, [HELD], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    const pid = child.pid ?? 0
    t.teardown(() => spawnSync('kill', ['-9', `-${pid}`]))
    let found: RegExpExecArray | null = null
    for await (const line of createInterface(child.stdout)) if ((found = /held (\S+) (\S+)/.exec(line)) !== null) break
    const [, name = '', directory = ''] = found ?? []
    t.ok(traces(name, directory).length > 8, 'it is all there')
    const gone = once(child, 'exit')
    process.kill(-pid, signal)
    await gone
    const end = performance.now() + GONE_MS
    while (traces(name, directory).length > 0 && performance.now() < end)
      await new Promise(go => setTimeout(go, LOOK_MS))
    t.alike(traces(name, directory), [])
  })
}
