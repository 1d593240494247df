import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import {
  expectedAt,
  fileStep,
  install,
  makeFolder,
  revisionTexts,
  textsBelow,
  TRAITS,
  userWrites
} from './make-folder.js'

const INSTALLS = 500
const SAVES = 4000

interface Report {
  readonly saved: readonly string[]
  readonly replaced: readonly string[]
  readonly torn: readonly string[]
}

test('a process that saves in a loop while 500 installs run loses no version', { timeout: 60_000 }, async t => {
  if (!TRAITS.canExchange) {
    t.pass('the file systems of this system have a window: see replaceByMoving')
    return
  }
  const folder = makeFolder(t)
  userWrites(folder, 'a', 'user: save 0 '.padEnd(4096, '.'))
  const program = fileURLToPath(new URL('saving-user.js', import.meta.url))
  const user = spawn(process.execPath, [program, folder.directory, 'a', String(SAVES)], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => user.kill('SIGKILL'), { order: -3 })
  let output = ''
  user.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  const ended = once(user, 'close')
  const counts = { done: 0, changed: 0, other: 0 }
  // Installs go on for as long as the user does, and are at least 500.
  let isOver = false
  void ended.then(() => (isOver = true))
  for (let i = 0; i < INSTALLS || !isOver; i++) {
    const text = `installed ${i} `.padEnd(4096, '.')
    const expected = expectedAt(folder, 'a')
    const [result] = install(folder, [fileStep(folder, 'a', text, { expected })])
    if (result?.kind === 'done' || result?.kind === 'changed') counts[result.kind]++
    else counts.other++
    await new Promise(resolve => setImmediate(resolve))
  }
  await ended
  const report = JSON.parse(output) as Report
  const found = new Set([...textsBelow(folder).values(), ...revisionTexts(folder), ...report.replaced])
  const lost = report.saved.filter(text => !found.has(text))
  t.alike(lost, [], `of ${report.saved.length} versions`)
  t.alike(report.torn, [], 'each read gave a whole version')
  t.is(report.saved.length, SAVES)
  t.is(counts.other, 0)
  t.ok(counts.done > 0 && counts.changed > 0, JSON.stringify(counts))
  t.comment(`${counts.done} installed, ${counts.changed} gave way to the user`)
})
