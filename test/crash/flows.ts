import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** The folders of both devices, and what writes a version that nobody ever wrote before. */
export interface Stage {
  /** The directory of the device that is killed, and that of its peer. */
  readonly mortal: string
  readonly peer: string
  /** New content, noted as a version that must never be lost. */
  readonly version: (size?: number) => string
}

/** What users do in one cycle, again and again: always something new, on what the cycles before have left. */
export interface Flow {
  readonly title: string
  readonly act: (stage: Stage, cycle: number) => void
  /** Path that always shows a whole version, absent never. */
  readonly neverAbsent?: string
  /** Both devices change things while they are apart: the line is cut for that long. */
  readonly apart?: true
}

const LARGE = 3_000_000

/** The user has decided a conflict: its copies go. */
function removeCopies(root: string, name: string): void {
  for (const found of readdirSync(root)) if (found.startsWith(`${name} (conflict `)) rmSync(join(root, found))
}

/** The twelve main flows. */
export const FLOWS: readonly Flow[] = [
  {
    title: 'new files come',
    act(s, i) {
      for (const n of [1, 2, 3]) put(s.peer, `new/${i}-${n}`, s.version())
      // With each file that is there a start makes a few more calls.
      for (const n of [1, 2, 3]) rmSync(join(s.peer, `new/${i - 3}-${n}`), { force: true })
      rmSync(join(s.peer, `new-${i - 3}`), { recursive: true, force: true })
      put(s.peer, `new-${i}/inner/file`, s.version())
    }
  },
  { title: 'a file is replaced', neverAbsent: 'replaced', act: s => put(s.peer, 'replaced', s.version()) },
  { title: 'a large file is replaced', neverAbsent: 'large', act: s => put(s.peer, 'large', s.version(LARGE)) },
  {
    title: 'files are deleted, and come again',
    act(s, i) {
      if (i % 2 === 1) rmSync(join(s.peer, 'deleted'), { recursive: true, force: true })
      else ['a', 'b', 'sub/c'].forEach(name => put(s.peer, `deleted/${name}`, s.version()))
    }
  },
  {
    title: 'a directory is moved',
    act(s, i) {
      if (i === 0) put(s.peer, 'moved-0/inner/file', s.version())
      else renameSync(join(s.peer, `moved-${i - 1}`), join(s.peer, `moved-${i}`))
      put(s.peer, `moved-${i}/other`, s.version())
    }
  },
  {
    title: 'both change a file apart',
    apart: true,
    act(s, i) {
      // Each copy makes the next start a little longer.
      if (i % 8 === 7) for (const root of [s.mortal, s.peer]) removeCopies(root, 'disputed')
      put(s.mortal, 'disputed', s.version())
      put(s.peer, 'disputed', s.version())
    }
  },
  {
    title: 'modes and times change',
    neverAbsent: 'metadata',
    act(s, i) {
      if (i === 0) put(s.peer, 'metadata', s.version())
      chmodSync(join(s.peer, 'metadata'), i % 2 === 0 ? 0o600 : 0o755)
      utimesSync(join(s.peer, 'metadata'), i + 1000, i + 1000)
    }
  },
  {
    title: 'a symlink points elsewhere',
    act(s, i) {
      rmSync(join(s.peer, 'link'), { force: true })
      symlinkSync(`target ${i}`, join(s.peer, 'link'))
    }
  },
  {
    title: 'a file and a directory take each other’s place',
    act(s, i) {
      rmSync(join(s.peer, 'kind'), { recursive: true, force: true })
      put(s.peer, i % 2 === 0 ? 'kind' : 'kind/inner', s.version())
    }
  },
  { title: 'the user saves here', neverAbsent: 'saved', act: s => save(s.mortal, 'saved', s.version()) },
  {
    title: 'the user makes, moves and removes here',
    act(s, i) {
      put(s.mortal, `here/${i}/file`, s.version())
      put(s.mortal, `here/${i}/other`, s.version())
      if (i > 0) unlinkSync(join(s.mortal, `here/${i - 1}/file`))
      if (i > 0) renameSync(join(s.mortal, `here/${i - 1}/other`), join(s.mortal, `here/${i}/came`))
      rmSync(join(s.mortal, `here/${i - 9}`), { recursive: true, force: true })
    }
  },
  {
    title: 'both save while each fetches from the other',
    act(s, i) {
      for (const n of [1, 2, 3]) {
        save(s.mortal, `ours ${n}`, s.version())
        save(s.peer, `theirs ${n}`, s.version(i % 3 === 0 ? LARGE : undefined))
      }
    }
  }
]

function put(root: string, path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  save(root, path, content)
  sync(dirname(join(root, path)))
}

/** As programs do it that care: what the user's own program never synced, or shows half-written, is not backer's to lose or to hide. */
function save(root: string, path: string, content: string): void {
  const saving = join(root, `.saving ${basename(path)}`)
  writeFileSync(saving, content, { flush: true })
  renameSync(saving, join(root, path))
  sync(root)
}

function sync(directory: string): void {
  const handle = openSync(directory, 'r')
  fsyncSync(handle)
  closeSync(handle)
}
