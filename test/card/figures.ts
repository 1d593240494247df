import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'

/** What a run of one suite found: numbers by name, with the day (UTC) and the commit of the run. */
export interface Figures {
  readonly day: string
  readonly commit: string
  readonly counts: Readonly<Record<string, number>>
}

const FILE = 'docs/reliability-figures.json'

/** The figures of the last recorded run of every suite, by the suite's name. */
export function readFigures(): Readonly<Record<string, Figures>> {
  const file = resolve(FILE)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Figures>) : {}
}

/** Keeps the figures of a run in the repository; `npm run card` makes the table of docs/reliability.md from them. */
export function recordFigures(suite: string, counts: Readonly<Record<string, number>>): void {
  const commit = execFileSync('git', ['rev-parse', '--short=10', 'HEAD'], { encoding: 'utf8' }).trim()
  const day = new Date().toISOString().slice(0, 10)
  const figures = { ...readFigures(), [suite]: { day, commit, counts } }
  const sorted = Object.fromEntries(Object.entries(figures).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(resolve(FILE), `${JSON.stringify(sorted, undefined, 2)}\n`)
}
