import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { DOCUMENT, withCard } from './card.js'

/** Puts the figures of the last recorded run of each suite into docs/reliability.md: `npm run card`. */
const file = resolve(DOCUMENT)
writeFileSync(file, withCard(readFileSync(file, 'utf8')))
