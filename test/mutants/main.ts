import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

/**
 * Puts each seeded bug (test/mutants/*.patch) into a copy of the project, runs the tests that should find it, and shows which one does: `npm run
 * test:mutants -- [M1 M5]`. Ends with `N passed, N failed`, counting bugs: one that no test finds has failed.
 */
const SUITES: Readonly<Record<string, readonly string[]>> = {
  M1: ['disk/install.'],
  M3: ['disk/install.'],
  M4: ['folder/', 'sim/'],
  M5: ['disk/race.'],
  M6: ['core/model/record', 'core/engine/'],
  M7: ['core/model/record', 'core/engine/'],
  M8: ['core/engine/'],
  M10: ['store/'],
  M11: ['disk/list'],
  M12: ['disk/open', 'disk/disk', 'cli/mirror'],
  M13: ['core/engine/'],
  M14: ['core/engine/', 'sim/'],
  M15: ['disk/hash'],
  M16: ['protocol/hostile'],
  M17: ['disk/list'],
  M19: ['hostile/local', 'disk/install', 'disk/filesystem'],
  M21: ['protocol/session'],
  M25: ['folder/', 'hostile/readers'],
  M26: ['disk/install', 'disk/filesystem']
}
const root = process.cwd()
const chosen = process.argv.slice(2)
const patches = readdirSync(join(root, 'test/mutants'))
  .filter(name => name.endsWith('.patch'))
  .filter(name => chosen.length === 0 || chosen.includes(basename(name, '.patch')))
  .sort((a, b) => Number(a.slice(1, -6)) - Number(b.slice(1, -6)))
let caught = 0
for (const patch of patches) if (tryPatch(basename(patch, '.patch'))) caught++
console.log(`${caught} passed, ${patches.length - caught} failed`)
process.exitCode = caught === patches.length && caught > 0 ? 0 : 1

function tryPatch(id: string): boolean {
  const file = join(root, 'test/mutants', `${id}.patch`)
  const [what = ''] = readFileSync(file, 'utf8').split('\n')
  const scratch = mkdtempSync(join(tmpdir(), 'backer-mutant-'))
  try {
    for (const name of ['bin', 'lib', 'protocol', 'test', 'package.json', 'tsconfig.json', 'README.md'])
      cpSync(join(root, name), join(scratch, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'))
    execFileSync('git', ['apply', '--recount', '-C1', file], { cwd: scratch })
    // A bug that the compiler finds is still tried: what counts is whether a test does.
    spawnSync('npx', ['tsc', '-p', '.'], { cwd: scratch })
    const { stdout } = spawnSync(process.execPath, ['dist/test/all.js', ...(SUITES[id] ?? [])], {
      cwd: scratch,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024
    })
    const finder = /^ *not ok \d+ - .*# time/m.exec(stdout)?.[0] ?? /^FAILED .*/m.exec(stdout)?.[0]
    console.log(
      `${finder === undefined ? 'MISSED' : 'caught'} ${id} (${what})${finder === undefined ? '' : `: ${finder.trim()}`}`
    )
    return finder !== undefined
  } catch (error) {
    console.log(`FAILED ${id} (${what}): ${error instanceof Error ? error.message : String(error)}`)
    return false
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
