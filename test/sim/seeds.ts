import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Plan } from './plan.js'

/** A run that once broke a promise, as small as it could be made, and what is true since. */
export interface Found {
  readonly title: string
  readonly plan: Plan
}

/** All of them: one a line, in `found.ndjson`. */
export const FOUND: readonly Found[] = readFileSync(resolve('test/sim/found.ndjson'), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line) as Found)
