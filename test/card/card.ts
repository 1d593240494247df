import { readFigures, type Figures } from './figures.js'

/** The document with the card, and between which lines it stands there. */
export const DOCUMENT = 'docs/reliability.md'
const BEGIN = '<!-- card: made by `npm run card` -->'
const END = '<!-- card ends -->'

/** How a suite's counts are told. */
const SENTENCES: Readonly<Record<string, (counts: Readonly<Record<string, number>>) => string>> = {
  crash: ({ kills = 0, cycles = 0, flows = 0, failed = 0 }) =>
    `${kills} kills and power losses of real processes in ${cycles} cycles of ${flows} flows; ${failed} flows failed`,
  mutants: ({ bugs = 0, caught = 0 }) => `${bugs} seeded bugs, of which tests found ${caught}`,
  planner: ({ trees = 0, failed = 0, rounds = 0 }) => `${trees} trees, ${failed} went wrong; at most ${rounds} rounds`,
  simulator: ({ seeds = 0, from = 0, failed = 0, acts = 0, kills = 0, powerCuts = 0, otherMisfortunes = 0 }) =>
    `seeds ${from} to ${from + seeds - 1}: ${acts} acts of users, ${kills} kills, ${powerCuts} power losses, ${otherMisfortunes} other misfortunes; ${failed} seeds failed`
}

/** The document with the card that the recorded figures make. Throws where the document has no place for it. */
export function withCard(text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} has no place for the card`)
  return `${text.slice(0, begin)}${BEGIN}\n\n${tableOf(readFigures())}\n\n${text.slice(end)}`
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
  const table = [['suite', 'what the last recorded run found', 'day', 'commit'], ...rows]
  const widths = (table[0] ?? []).map((_, i) => Math.max(...table.map(row => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  return [
    line(table[0] ?? []),
    `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`,
    ...table.slice(1).map(line)
  ].join('\n')
}
