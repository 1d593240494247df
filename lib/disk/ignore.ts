import createIgnore, { type Ignore } from 'ignore'
import type { RelativePath } from '../core/model/path.js'
import { ancestorsOf } from '../core/model/path.js'

/** Which paths of a folder are not synced. */
export interface IgnoreRules {
  /** True for what the rules hit, and for whatever lies in a directory that they hit. */
  ignores(path: RelativePath, isDirectory: boolean): boolean
  /** True for junk that may go with the directory that it lies in. */
  deletable(path: RelativePath): boolean
  /** Lines that could not be understood. */
  readonly problems: readonly string[]
}

/**
 * What nobody wants to find on another computer, because a program leaves it behind for itself alone; it may go with its directory.
 * `.backerignore` can take each of them back (`!Thumbs.db`).
 */
const JUNK = [
  '.DS_Store', // macOS Finder: how a window looked
  '._.DS_Store',
  '.AppleDouble',
  '.Spotlight-V100',
  '.Trashes',
  '.fseventsd',
  'Thumbs.db', // Windows Explorer: previews
  'ehthumbs.db',
  'desktop.ini',
  '$RECYCLE.BIN/',
  'System Volume Information/',
  '.directory', // KDE: how a window looked
  '.Trash-*/' // freedesktop.org's trash of other disks
]

/** What a program keeps only while it works: gone a moment later, or its own business. */
const TRANSIENT = [
  '~$*', // Microsoft Office's locks
  '.~lock.*#', // LibreOffice's locks
  '.#*', // Emacs' locks
  '.*.sw[a-p]', // Vim's swap files
  '4913', // Vim tries whether it can write here
  '.nfs????????????????????????', // NFS: deleted, and still open
  '.fuse_hidden*', // the same of FUSE
  '.goutputstream-*' // GLib saves by way of it
]

/** The rules of a `.backerignore` text (undefined: there is none), behind the built-in ones. Syntax: gitignore(5). */
export function parseIgnore(text: string | undefined): IgnoreRules {
  const rules = createIgnore({ allowRelativePaths: false }).add(JUNK).add(TRANSIENT)
  const problems: string[] = []
  for (const line of (text ?? '').split(/\r?\n/)) addLine(rules, line, problems)
  const junk = createIgnore().add(JUNK)
  return {
    ignores: (path, isDirectory) => path !== '.backerignore' && hits(rules, path, isDirectory),
    deletable: path => junk.test(path).ignored || junk.test(`${path}/`).ignored,
    problems
  }
}

function addLine(rules: Ignore, line: string, problems: string[]): void {
  try {
    createIgnore().add(line).test('a')
    rules.add(line)
  } catch {
    // A pattern that the library can't make sense of: told, and left out.
    problems.push(line)
  }
}

function hits(rules: Ignore, path: RelativePath, isDirectory: boolean): boolean {
  if (rules.test(isDirectory ? `${path}/` : path).ignored) return true
  return ancestorsOf(path).some(directory => rules.test(`${directory}/`).ignored)
}
