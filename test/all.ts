import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/**
 * Runs every `*.test.js` below this directory, each in a process of its own, and ends with the line `N passed, N failed`, counting tests.
 * Words on the command line choose the files whose path has one of them in it. What lies in a directory of OTHER_SUITES is left out;
 * `--suite NAME` runs that directory's files and no others, one at a time.
 */
const ROOT = dirname(fileURLToPath(import.meta.url))
const OTHER_SUITES: ReadonlySet<string> = new Set([
  'lab',
  'crash',
  'bench',
  'browser',
  'hostile',
  'year',
  'kept',
  'faults',
  'black-box',
  'programs'
])
const { values, positionals } = parseArgs({ options: { suite: { type: 'string' } }, allowPositionals: true })
// One more than there are processors: most files wait for time to pass now and then.
const FILES_AT_ONCE = values.suite === undefined ? availableParallelism() + 1 : 1
const FILE_DEADLINE_MS = values.suite === undefined ? 180_000 : 900_000
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024

interface Outcome {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly elapsedMs: number
  readonly output: string
}

const running = new Set<number>()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    running.forEach(killGroup)
    process.exit(130)
  })
}

const outcomes = await runAll(await findTests(positionals))
summarize(outcomes)

async function findTests(words: readonly string[]): Promise<string[]> {
  const entries = await readdir(ROOT, { recursive: true })
  return entries
    .filter(entry => entry.endsWith('.test.js') && suiteOf(entry) === values.suite)
    .filter(entry => words.length === 0 || words.some(word => entry.includes(word)))
    .sort()
}

/** The suite that a file belongs to; undefined: the usual one. */
function suiteOf(entry: string): string | undefined {
  return entry.split(sep).find(part => OTHER_SUITES.has(part))
}

async function runAll(files: readonly string[]): Promise<readonly Outcome[]> {
  const waiting = [...files]
  const done: Outcome[] = []
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const outcome = await runFile(file)
      done.push(outcome)
      report(outcome)
    }
  }
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker))
  return done
}

async function runFile(file: string): Promise<Outcome> {
  const begin = performance.now()
  // A group of its own, so that what a test started goes with it.
  const child = spawn(process.execPath, [join(ROOT, file)], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const pid = child.pid ?? 0
  running.add(pid)
  let output = ''
  const collect = (chunk: Buffer): void => {
    if (output.length < OUTPUT_BYTES_MAX) output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const deadline = setTimeout(() => {
    output += `\nnot ok - ${file} did not end within ${FILE_DEADLINE_MS / 1000} s\n`
    killGroup(pid)
  }, FILE_DEADLINE_MS)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(deadline)
  // Whatever a test left running must not disturb the next, nor keep the pipes open.
  killGroup(pid)
  running.delete(pid)
  return { file, ...count(output, code === 0), elapsedMs: performance.now() - begin, output }
}

/** Counts the tests of a TAP document: lines that begin with `ok` or `not ok`. Source: testanything.org, version 13. */
function count(output: string, endedWell: boolean): { passed: number; failed: number; skipped: number } {
  const results = output.split('\n').filter(line => /^(not )?ok\b/.test(line))
  const failed = results.filter(line => line.startsWith('not ok')).length
  const skipped = results.filter(line => line.startsWith('ok') && /# (skip|todo)/i.test(line)).length
  const passed = results.length - failed - skipped
  // A file that dies, or that tests nothing, has failed even if no test of it says so.
  const brokeOtherwise = failed === 0 && (!endedWell || results.length === 0)
  return { passed, failed: brokeOtherwise ? 1 : failed, skipped }
}

function report({ file, passed, failed, elapsedMs, output }: Outcome): void {
  const verdict = failed === 0 ? 'ok    ' : 'FAILED'
  console.log(`${verdict} ${file}  ${passed} passed, ${failed} failed, ${(elapsedMs / 1000).toFixed(1)} s`)
  if (failed > 0) console.log(output.replace(/^/gm, '    '))
}

function summarize(all: readonly Outcome[]): void {
  const sum = (pick: (outcome: Outcome) => number): number => all.reduce((total, outcome) => total + pick(outcome), 0)
  const failed = sum(outcome => outcome.failed)
  const skipped = sum(outcome => outcome.skipped)
  if (all.length === 0) console.log('No test file was found.')
  if (skipped > 0) console.log(`${skipped} skipped`)
  console.log(`${relative(process.cwd(), ROOT)}: ${all.length} files in ${(performance.now() / 1000).toFixed(1)} s`)
  console.log(`${sum(outcome => outcome.passed)} passed, ${failed} failed`)
  process.exitCode = failed > 0 || all.length === 0 ? 1 : 0
}

function killGroup(pid: number): void {
  try {
    if (pid > 0) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // The whole group has ended by itself.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
