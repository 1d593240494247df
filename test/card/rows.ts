import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { RUNS } from '../crash/suites.js'

/** What may befall a folder or be done to it, by number: A to E and G, who attacks; F, what fails. */
export const ROWS: Readonly<Record<string, string>> = {
  A1: 'a stranger floods with handshakes',
  A2: 'a stranger forges addresses',
  A3: 'a stranger makes this device dial others',
  A4: 'a stranger asks which folders are here',
  A5: 'a proof is replayed or sent back',
  A6: 'somebody watches the topic',
  A7: 'a thousand false peers are announced',
  A8: 'connections that prove nothing, frames that never end',
  A9: 'floods of channels and frames before any proof',
  A10: 'packets are forged into a connection',
  A11: 'bits are flipped on the way',
  A12: 'another version of the protocol is feigned',
  A13: 'keys are guessed',
  B1: 'a reader forges changes',
  B2: 'a reader replays old heads',
  B3: 'a peer serves wrong, short or slow chunks',
  B4: 'a reader asks for what is none of the folder’s',
  B5: 'a peer asks without end',
  B6: 'a peer sends malformed trees',
  B7: 'a greater key is derived from a lesser one',
  B8: 'a reader poses as a writer',
  C1: 'a store key’s holder reads',
  C2: 'a store key’s holder tampers',
  C3: 'equal content shows in what is stored',
  C4: 'sizes show which files are stored',
  C5: 'a store key’s holder withholds or forks',
  C6: 'a store key’s holder deletes, and claims to have',
  C7: 'a store key’s holder fills the disk',
  C8: 'numbers at the edge of what a number can be',
  D1: 'a relay reads',
  D2: 'a relay modifies',
  D3: 'a relay drops, delays, reorders, repeats',
  D4: 'a relay pairs with a stranger or with oneself',
  D5: 'a relay accepts and hangs',
  D6: 'a relay sends malformed bytes',
  D7: 'a relay is used by strangers',
  E1: 'names that lead out of the folder',
  E2: 'names that mean something on Windows',
  E3: 'writes through a symlink',
  E4: 'names that a file system takes for the same',
  E5: 'names of backer’s own',
  E6: 'programs and hooks',
  E7: 'special files, setuid, hard links',
  E8: 'names, paths, vectors and trees without bound',
  E9: 'sizes that are lies',
  E10: 'counters run up',
  E11: 'clocks far ahead',
  E12: 'everything deleted or overwritten',
  E13: 'a storm of conflicts and versions',
  E14: 'names that are code somewhere',
  E15: 'the ignore rules are changed',
  F1: 'kill -9 at every changing system call',
  F2: 'kill -9 while it recovers',
  F3: 'power loss at every changing system call',
  F4: 'torn and reordered blocks',
  F5: 'no space, no inodes',
  F6: 'EIO of reads, writes, syncs, listings',
  F7: 'EACCES, EXDEV, another file system inside',
  F8: 'few open files',
  F9: 'few watches',
  F10: 'clocks that jump',
  F11: 'packets are lost and late',
  F12: 'partitions: full, one-way, flapping',
  F13: 'a peer that hangs',
  F14: 'large packets are lost',
  F15: 'NATs of all kinds',
  F16: 'the address changes, the machine sleeps',
  F17: 'files change while they are read',
  F18: 'programs that save by rename',
  F19: 'files, directories and symlinks take each other’s place',
  F20: 'the index is lost, damaged or old',
  F21: 'the root is not mounted',
  F22: 'a million entries in a directory',
  F23: 'sparse and empty files',
  F24: 'long names and deep paths',
  F25: 'names that are no text, or look alike',
  F26: 'FIFOs, sockets, devices',
  F27: 'hard links',
  F28: 'files and directories that are closed',
  F29: 'times far from now',
  F30: 'symlinks to anywhere',
  F31: 'storms and cycles of renames',
  F32: 'two processes on one folder',
  F33: 'twenty years offline, and far behind',
  F34: 'mixed versions',
  F35: 'hours under load',
  G1: 'another user talks to the process',
  G2: 'another user reads what is kept',
  G3: 'another user prepares the home',
  G4: 'symlinks in /tmp',
  G5: 'keys show in ps or the environment',
  G6: 'another user races symlinks in the folder',
  G7: 'another user fills the disk',
  G8: 'another user sends signals or traces'
}

/** Rows without a test of their own, and why. */
export const WITHOUT: Readonly<Record<string, string>> = {
  F4: 'needs a device mapper, which ordinary kernels of virtual machines lack; the simulator cuts and zeroes what was not synced'
}

export interface Titled {
  /** The test's file, or the script that runs it, from the root of the project. */
  readonly file: string
  readonly title: string
}

/** The tests that have each row's number before the colon of their title. */
export function testsByRow(): ReadonlyMap<string, readonly Titled[]> {
  const rows = new Map<string, Titled[]>()
  for (const titled of [...testTitles(), ...crashTitles()]) {
    const [numbers = ''] = /^(?:[A-Z]\d+ ?)+(?=:)/.exec(titled.title) ?? []
    for (const row of numbers.split(' ').filter(Boolean)) rows.set(row, [...(rows.get(row) ?? []), titled])
  }
  return rows
}

function testTitles(): Titled[] {
  const root = resolve('test')
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.test.ts'))
    .sort()
    .flatMap(name => {
      const source = readFileSync(join(root, name), 'utf8')
      return [...source.matchAll(/\b(?:solo|test)\(\s*['"`]([^'"`\n]*)/g)].map(([, title = '']) => ({
        file: `test/${name}`,
        title
      }))
    })
}

function crashTitles(): Titled[] {
  return [...new Set(RUNS.map(({ suite }) => suite.title))].map(title => ({ file: 'npm run test:crash', title }))
}

/** The table of all rows, in Markdown. */
export function tableOfRows(): string {
  const tests = testsByRow()
  const lines = Object.entries(ROWS).map(([row, what]) => {
    const files = [...new Set((tests.get(row) ?? []).map(({ file }) => file.replace(/^test\/|\.test\.ts$/g, '')))]
    return [row, what, files.length > 0 ? files.join(', ') : `none: ${WITHOUT[row] ?? 'missing'}`]
  })
  return markdownTable([['row', 'what happens', 'tests'], ...lines])
}

/** A table as prettier would have it, of lines of cells, the first of which is the head. */
export function markdownTable(lines: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = lines
  const widths = head.map((_, i) => Math.max(...lines.map(cells => cells[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  return [line(head), `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`, ...rest.map(line)].join('\n')
}
