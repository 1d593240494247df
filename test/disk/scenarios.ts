import { lstatSync, mkdirSync, symlinkSync } from 'node:fs'
import type { InstallStep } from '../../lib/disk/disk.js'
import type { Stamp } from '../../lib/core/model/stamp.js'
import {
  expectedAt,
  fileStep,
  NEW_MTIME_NS,
  pathOf,
  REVISION,
  stampAt,
  userWrites,
  type Folder
} from './make-folder.js'

/** One kind of change, on a folder that `prepare` has set up. What a user wrote is a text that starts with `user`. */
export interface Scenario {
  readonly title: string
  /** Every path that the index knows. */
  readonly paths: readonly string[]
  /** Where the racing user works. */
  readonly raced: readonly string[]
  /** A path at which, at every moment, stands the old or the new. */
  readonly neverAbsent?: string
  /** A text, and the one path of the tree at which it may ever stand. */
  readonly only?: readonly [text: string, path: string]
  readonly prepare: (folder: Folder) => readonly InstallStep[]
}

export const OLD = 'user: old'
export const NEW = 'installed'

export const SCENARIOS: readonly Scenario[] = [
  {
    title: 'a file is made',
    paths: ['d/a'],
    raced: ['d/a'],
    prepare(folder) {
      mkdirSync(folder.at('d'))
      return [fileStep(folder, 'd/a', NEW)]
    }
  },
  {
    title: 'a file is replaced',
    paths: ['d/a'],
    raced: ['d/a'],
    neverAbsent: 'd/a',
    prepare(folder) {
      userWrites(folder, 'd/a', OLD)
      return [fileStep(folder, 'd/a', NEW)]
    }
  },
  {
    title: 'a file is replaced and becomes a conflict copy',
    paths: ['d/a', 'd/a.conflict'],
    raced: ['d/a', 'd/a.conflict'],
    neverAbsent: 'd/a',
    prepare(folder) {
      userWrites(folder, 'd/a', OLD)
      return [fileStep(folder, 'd/a', NEW, { conflict: 'd/a.conflict' })]
    }
  },
  {
    title: 'a file is moved',
    paths: ['d/from', 'onto'],
    raced: ['d/from', 'onto'],
    prepare(folder) {
      userWrites(folder, 'd/from', OLD)
      return [moveStep(folder, 'd/from', 'onto')]
    }
  },
  {
    title: 'a file is moved onto another',
    paths: ['d/from', 'onto'],
    raced: ['d/from', 'onto'],
    neverAbsent: 'onto',
    only: ['user: standing', 'onto'],
    prepare(folder) {
      userWrites(folder, 'd/from', OLD)
      userWrites(folder, 'onto', 'user: standing')
      return [moveStep(folder, 'd/from', 'onto')]
    }
  },
  {
    title: 'a file is removed',
    paths: ['a'],
    raced: ['a'],
    prepare(folder) {
      userWrites(folder, 'a', OLD)
      return [{ kind: 'remove', path: pathOf('a'), expected: expectedAt(folder, 'a'), displaced: REVISION }]
    }
  },
  {
    title: 'a file is removed and becomes a conflict copy',
    paths: ['a', 'a.conflict'],
    raced: ['a', 'a.conflict'],
    prepare(folder) {
      userWrites(folder, 'a', OLD)
      const displaced = { kind: 'conflict', path: pathOf('a.conflict') } as const
      return [{ kind: 'remove', path: pathOf('a'), expected: expectedAt(folder, 'a'), displaced }]
    }
  },
  {
    title: 'a directory takes the place of a file',
    paths: ['a', 'a/b'],
    raced: ['a'],
    neverAbsent: 'a',
    prepare(folder) {
      userWrites(folder, 'a', OLD)
      const expected = expectedAt(folder, 'a')
      return [
        { kind: 'directory', path: pathOf('a'), expected, mode: 0o755, displaced: REVISION },
        fileStep(folder, 'a/b', NEW, { expected: { kind: 'nothing' } })
      ]
    }
  },
  {
    title: 'a file takes the place of a directory',
    paths: ['a', 'a/b'],
    raced: ['a', 'a/b'],
    prepare(folder) {
      userWrites(folder, 'a/b', OLD)
      const expected = expectedAt(folder, 'a/b')
      return [{ kind: 'remove', path: pathOf('a/b'), expected, displaced: REVISION }, fileStep(folder, 'a', NEW)]
    }
  },
  {
    title: 'a symlink takes the place of a file, and a file that of a symlink',
    paths: ['a', 'b'],
    raced: ['a', 'b'],
    neverAbsent: 'a',
    prepare(folder) {
      userWrites(folder, 'a', OLD)
      symlinkSync('nowhere', folder.at('b'))
      const expected = expectedAt(folder, 'a')
      const target = 'somewhere'
      return [
        { kind: 'symlink', path: pathOf('a'), expected, target, mtimeNs: NEW_MTIME_NS, displaced: REVISION },
        fileStep(folder, 'b', NEW)
      ]
    }
  },
  {
    title: 'metadata is set, a directory made and one removed',
    paths: ['a', 'made', 'gone'],
    raced: ['a'],
    neverAbsent: 'a',
    prepare(folder) {
      userWrites(folder, 'a', OLD)
      mkdirSync(folder.at('gone'))
      const expected = expectedAt(folder, 'a')
      return [
        { kind: 'metadata', path: pathOf('a'), expected, mode: 0o600, mtimeNs: NEW_MTIME_NS },
        { kind: 'directory', path: pathOf('made'), expected: { kind: 'nothing' }, mode: 0o755, displaced: REVISION },
        { kind: 'remove', path: pathOf('gone'), expected: expectedAt(folder, 'gone'), displaced: REVISION }
      ]
    }
  }
]

function moveStep(folder: Folder, from: string, path: string): InstallStep {
  const fromStamp = stampAt(folder, from) as Stamp
  const displaced = REVISION
  const expected = expectedAt(folder, path)
  return {
    kind: 'move',
    path: pathOf(path),
    expected,
    from: pathOf(from),
    fromStamp,
    mode: 0o600,
    mtimeNs: NEW_MTIME_NS,
    displaced
  }
}

/** True where something stands at a path. */
export function stands(folder: Folder, path: string): boolean {
  return lstatSync(folder.at(path), { throwIfNoEntry: false }) !== undefined
}
