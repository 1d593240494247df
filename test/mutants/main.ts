import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { recordFigures } from '../card/figures.js'
import { readArguments } from '../make/arguments.js'
import { applyPatch, MUTANTS, readMutant, type Mutant } from './patches.js'

const USAGE = `npm run test:mutants -- [M1 M5] [--record]: puts each seeded bug (test/mutants/*.patch) into a copy of the project, runs the tests that should
find it, and shows which one does. Ends with N passed, N failed, counting bugs: one that no test finds has failed.`

const { values, positionals } = readArguments(USAGE, {
  options: { record: { type: 'boolean', default: false } },
  allowPositionals: true
})
const root = process.cwd()
const chosen = MUTANTS.filter(id => positionals.length === 0 || positionals.includes(id))
const caught = chosen.filter(id => tryMutant(readMutant(id)))
console.log(`${Math.round(performance.now() / 1000)} s`)
console.log(`${caught.length} passed, ${chosen.length - caught.length} failed`)
if (values.record && positionals.length === 0) recordFigures('mutants', { bugs: chosen.length, caught: caught.length })
process.exitCode = caught.length === chosen.length && caught.length > 0 ? 0 : 1

function tryMutant({ id, what, tests, patch }: Mutant): boolean {
  const scratch = mkdtempSync(join(tmpdir(), 'backer-mutant-'))
  try {
    for (const name of ['dist', 'test', 'protocol', 'docs', 'package.json', 'README.md'])
      cpSync(join(root, name), join(scratch, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'))
    for (const { path, text } of applyPatch(patch)) compile(scratch, path, text)
    const finder = findTest(scratch, tests)
    console.log(
      `${finder === undefined ? 'MISSED' : 'caught'} ${id} (${what})${finder === undefined ? '' : `: ${finder}`}`
    )
    return finder !== undefined
  } catch (error) {
    console.log(`FAILED ${id} (${what}): ${error instanceof Error ? error.message : String(error)}`)
    return false
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** A bug that the compiler would find is tried all the same: what counts is whether a test finds it. */
function compile(scratch: string, path: string, text: string): void {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true }
  const { outputText } = ts.transpileModule(text, { compilerOptions })
  const compiled = join(scratch, 'dist', path.replace(/\.ts$/, '.js'))
  mkdirSync(dirname(compiled), { recursive: true })
  writeFileSync(compiled, outputText)
}

/** The first test that fails; undefined where none does. */
function findTest(scratch: string, tests: readonly string[]): string | undefined {
  const { stdout } = spawnSync(process.execPath, ['dist/test/all.js', ...tests], {
    cwd: scratch,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024
  })
  const [, title] = /^ *not ok \d+ - (.*?) # time/m.exec(stdout) ?? []
  if (title !== undefined || !/^FAILED /m.test(stdout)) return title
  // A file that dies, or takes too long, says in which of its tests it did.
  return (
    [...stdout.matchAll(/^ *# (?!time|tests|asserts|ok$|not ok$)(.+)$/gm)].at(-1)?.[1] ??
    /^FAILED .*/m.exec(stdout)?.[0]
  )
}
