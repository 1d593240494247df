import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { DOCUMENT, withTables } from './card.js'

/** Puts the figures of the last recorded run of each suite, and which tests play which row, into docs/reliability.md: `npm run card`. */
const file = resolve(DOCUMENT)
writeFileSync(file, withTables(readFileSync(file, 'utf8')))
