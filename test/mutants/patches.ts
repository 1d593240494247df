import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

/** Which tests should find each seeded bug: words that choose test files, as for `all.js`. M: the numbers of docs/reliability.md, from M27 on what drops files and leaves out zeros, M36 what is ignored, M37 folders that are copied; W: a rule of the API, the page or the log that is taken out. */
const FINDERS: Readonly<Record<string, readonly string[]>> = {
  M1: ['disk/install.'],
  M2: ['sim/sim'],
  M3: ['disk/install.'],
  M4: ['folder/mirror', 'sim/'],
  M5: ['disk/race.'],
  M6: ['core/model/record', 'core/engine/'],
  M7: ['core/model/record', 'core/engine/'],
  M8: ['core/engine/'],
  M9: ['sim/sim'],
  M10: ['store/'],
  M11: ['disk/list'],
  M12: ['disk/open', 'disk/disk', 'folder/missing-root'],
  M13: ['core/engine/'],
  M14: ['sim/conflicts'],
  M15: ['disk/hash'],
  M16: ['protocol/hostile'],
  M17: ['disk/list'],
  M18: ['core/engine/'],
  M19: ['disk/install', 'disk/filesystem'],
  M20: ['folder/aliases'],
  M21: ['protocol/session'],
  M22: ['daemon/page'],
  M23: ['disk/history', 'sim/sim'],
  M24: ['disk/watch'],
  M25: ['sim/verify'],
  M26: ['disk/install', 'disk/filesystem'],
  M27: ['sim/drop'],
  M28: ['sim/drop'],
  M29: ['folder/drop'],
  M30: ['folder/drop'],
  M31: ['folder/drop'],
  M32: ['folder/drop'],
  M33: ['folder/drop'],
  M34: ['folder/drop'],
  M35: ['disk/worker-disk'],
  M36: ['sim/ignoring'],
  M37: ['sim/copies'],
  W1: ['daemon/page'],
  W2: ['daemon/page'],
  W3: ['daemon/page'],
  W4: ['daemon/page'],
  W5: ['daemon/page'],
  W6: ['daemon/page'],
  W7: ['daemon/page'],
  W8: ['daemon/page'],
  W9: ['daemon/page'],
  W10: ['daemon/page'],
  W11: ['daemon/page'],
  W12: ['daemon/api'],
  W13: ['daemon/page'],
  W14: ['daemon/log'],
  W15: ['cli/report'],
  W16: ['daemon/remote-page'],
  W17: ['daemon/remote-page'],
  W18: ['daemon/remote-page'],
  W19: ['daemon/remote-page'],
  W20: ['daemon/remote-page'],
  W21: ['daemon/remote-page'],
  W22: ['daemon/remote-page'],
  W23: ['daemon/remote-page'],
  W24: ['daemon/remote-page'],
  W25: ['daemon/remote-page'],
  W26: ['daemon/remote-page'],
  W27: ['daemon/remote-page']
}

/** The seeded bugs that there are. */
export const MUTANTS = Object.keys(FINDERS)

/** A bug that is put into the code, to see whether the tests find it. */
export interface Mutant {
  readonly id: string
  /** What is wrong with it, in words. */
  readonly what: string
  readonly tests: readonly string[]
  readonly patch: string
}

export function readMutant(id: string): Mutant {
  const text = readFileSync(resolve('test/mutants', `${id}.patch`), 'utf8')
  const [what = ''] = text.split('\n')
  return { id, what, tests: FINDERS[id] ?? [], patch: text }
}

/** A source file with the bug in it. */
export interface Patched {
  readonly path: string
  readonly text: string
}

/**
 * What a patch makes of the files that it is about. Each hunk is found by its lines, wherever they stand: other changes of a file leave it as
 * good as it is. Throws where its lines are not there, or more than once.
 */
export function applyPatch(patch: string): Patched[] {
  return patch
    .split(/^diff --git /m)
    .slice(1)
    .map(part => {
      const path = /^\+\+\+ b\/(.*)$/m.exec(part)?.[1] ?? ''
      const text = part
        .split(/^@@ .*$/m)
        .slice(1)
        .reduce((before, hunk) => applyHunk(before, hunk, path), readFileSync(resolve(path), 'utf8'))
      return { path, text }
    })
}

function applyHunk(text: string, hunk: string, path: string): string {
  const lines = hunk
    .split('\n')
    .slice(1)
    .filter(line => /^[ +-]/.test(line))
  const side = (leftOut: string): string =>
    lines
      .filter(line => !line.startsWith(leftOut))
      .map(line => `${line.slice(1)}\n`)
      .join('')
  const [before, after] = [side('+'), side('-')]
  const [head, tail, ...more] = text.split(before)
  if (head === undefined || tail === undefined || more.length > 0)
    throw new Error(`${path} has these lines ${more.length === 0 ? 'nowhere' : 'more than once'}:\n${before}`)
  return head + after + tail
}
