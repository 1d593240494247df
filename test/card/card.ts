import { readFigures, type Figures } from './figures.js'
import { markdownTable, tableOfRows } from './rows.js'

/** The document with the tables, and between which lines each stands there. */
export const DOCUMENT = 'docs/reliability.md'
const CARD = ['<!-- card: made by `npm run card` -->', '<!-- card ends -->'] as const
const ROWS = ['<!-- rows: made by `npm run card` -->', '<!-- rows end -->'] as const

/** How a suite's counts are told. */
const SENTENCES: Readonly<Record<string, (counts: Readonly<Record<string, number>>) => string>> = {
  crash: ({ kills = 0, powerLosses = 0, cycles = 0, flows = 0, failed = 0 }) =>
    `${kills} kills and ${powerLosses} power losses of real processes in ${cycles} cycles of ${flows} flows; ${failed} flows failed`,
  'random kills': ({ kills = 0, seed = 0 }) =>
    `seed ${seed}: ${kills} kills of two backer processes at random moments, while their users go on: nothing was lost, no conflict made`,
  mutants: ({ bugs = 0, caught = 0 }) => `${bugs} seeded bugs, of which tests found ${caught}`,
  planner: ({ trees = 0, failed = 0, rounds = 0 }) => `${trees} trees, ${failed} went wrong; at most ${rounds} rounds`,
  simulator: ({ seeds = 0, from = 0, failed = 0, cpuSeconds = 0, ...counts }) =>
    `seeds ${from} to ${from + seeds - 1}: ${happened(counts)}; ${failed} seeds failed; ${cpuSeconds} s of CPU time`
}

function happened({ acts = 0, wishes = 0, kills = 0, powerCuts = 0, otherMisfortunes = 0 }: Figures['counts']): string {
  return `${acts} acts of users, ${wishes} wishes of theirs, ${kills} kills, ${powerCuts} power losses, ${otherMisfortunes} other misfortunes`
}

/** The document with the card that the recorded figures make, and the rows with their tests. Throws where the document has no place for one of them. */
export function withTables(text: string): string {
  return replaced(replaced(text, CARD, tableOf(readFigures())), ROWS, tableOfRows())
}

function replaced(text: string, [first, last]: readonly [string, string], table: string): string {
  const [begin, end] = [text.indexOf(first), text.indexOf(last)]
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} has no place for ${first}`)
  return `${text.slice(0, begin)}${first}\n\n${table}\n\n${text.slice(end)}`
}

function tableOf(figures: Readonly<Record<string, Figures>>): string {
  const rows = Object.entries(figures).map(([suite, { day, commit, counts }]) => [
    suite,
    SENTENCES[suite]?.(counts) ??
      Object.entries(counts)
        .map(pair => pair.join(' '))
        .join(', '),
    day,
    commit
  ])
  return markdownTable([['suite', 'what the last recorded run found', 'day', 'commit'], ...rows])
}
