import createIgnore, { type Ignore } from 'ignore'
import type { RelativePath } from '../core/model/path.js'

/** Which paths of a folder are not synced. */
export interface IgnoreRules {
  /** True for what the rules hit, and for whatever lies in a directory that they hit. */
  ignores(path: RelativePath, isDirectory: boolean): boolean
  /** The pattern that decides about a path, and not about what it lies in; undefined: none does. */
  patternFor(path: RelativePath, isDirectory: boolean): string | undefined
  /** True for junk that may go with the directory that it lies in. */
  deletable(path: RelativePath): boolean
  /** A sentence for each line that could not be used. */
  readonly problems: readonly string[]
}

/*
 * The built-in rules name only what a program leaves behind for itself alone and what no user would name so. `.backerignore`
 * can take each of them back (`!Thumbs.db`). Not among them, although they are often of no use to others: backups such as
 * `*~`, which are the user's; `*.part`, which may be a part of anything; and `4913`, which Vim makes for a moment to try whether it
 * can write, because a numbered file of a user's may be called so.
 */

/** What nobody wants to find on another computer; it may go with the directory that it lies in. */
const JUNK: readonly string[] = [
  '.DS_Store', // macOS Finder: how a window looked
  '._.DS_Store',
  '.AppleDouble/', // netatalk
  '.Spotlight-V100/', // macOS: the search index of a disk
  '.Trashes/',
  '.fseventsd/',
  '[Tt]humbs.db', // Windows Explorer: previews
  'ehthumbs.db',
  'ehthumbs_vista.db',
  '[Dd]esktop.ini', // Windows Explorer: how a directory looks
  '$RECYCLE.BIN/',
  '$Recycle.Bin/',
  'System Volume Information/',
  '.directory', // KDE: how a window looked
  '.Trash-*/' // freedesktop.org: the trash of a disk
]

/** What a program keeps only while it works. A directory with such a thing in it is in use, and not removed with it. */
const TRANSIENT: readonly string[] = [
  '~$*', // Microsoft Office: locks
  '~WR[DL][0-9][0-9][0-9][0-9].tmp', // Microsoft Word: what it saves by way of
  '.~lock.*#', // LibreOffice: locks
  '.#*', // Emacs: locks
  '.*.sw[a-px]', // Vim: swap files, and what it tries their names with
  '.*.swpx',
  '.*.kate-swp', // Kate: swap files
  '.goutputstream-*', // GLib saves by way of it
  '*___jb_tmp___', // JetBrains' editors save by way of these
  '*___jb_old___',
  '*.sb-????????-??????', // macOS saves documents by way of it
  '*.crdownload', // Chromium: a download that is not done
  '.nfs????????????????????????', // NFS: deleted, and still open
  '.fuse_hidden????????????????' // the same of FUSE
]

/** The name of the file that has the rules: it is synced itself, and can't be ignored. */
const IGNORE_FILE = '.backerignore'
/** How many lines count. A rule is tried for every path, so that very many make looking through a folder slow. */
const RULES_MAX = 2000
const RULE_LENGTH_MAX = 1000
/** How many `**` a rule may have, but for one at its end: the time that a rule takes grows with their power. */
const GLOBSTARS_MAX = 2
/** How many verdicts the library may gather: it never forgets one by itself. */
const VERDICTS_MAX = 20_000

/**
 * The rules of a `.backerignore` text (undefined: there is none), behind the built-in ones. Syntax: gitignore(5), by code points, letters
 * in their case, on every system alike; composed and decomposed forms of a letter are one.
 */
export function parseIgnore(text: string | undefined): IgnoreRules {
  const problems: string[] = []
  const own = text === undefined ? [] : rulesIn(text, problems)
  const rules = [...JUNK, ...TRANSIENT, ...own]
  const isHit = makeMatcher(rules)
  const isJunk = makeMatcher(JUNK)
  return {
    ignores: (path, isDirectory) => path !== IGNORE_FILE && isHit(path, isDirectory),
    patternFor: (path, isDirectory) => patternFor(rules, path, isDirectory),
    deletable: path => isJunk(path, false) || isJunk(path, true),
    problems
  }
}

function patternFor(rules: readonly string[], path: RelativePath, isDirectory: boolean): string | undefined {
  const plain = path.normalize('NFC')
  return createIgnore({ ignorecase: false })
    .add(rules)
    .checkIgnore(isDirectory ? `${plain}/` : plain).rule?.pattern
}

function makeMatcher(patterns: readonly string[]): (path: RelativePath, isDirectory: boolean) => boolean {
  // Letters in their case, as Git has it on Linux: whoever ignores `build` must not lose `Build`.
  let rules: Ignore = createIgnore({ ignorecase: false }).add(patterns)
  let verdicts = 0
  const mayHit = makeSieve(patterns)
  return (path, isDirectory) => {
    const plain = path.normalize('NFC')
    if (!mayHit(plain)) return false
    if (++verdicts > VERDICTS_MAX) {
      rules = createIgnore({ ignorecase: false }).add(rules)
      verdicts = 1
    }
    return rules.test(isDirectory ? `${plain}/` : plain).ignored
  }
}

/** A test that most paths fail at once, which no rule can hit then: trying all rules takes twenty times as long. */
function makeSieve(patterns: readonly string[]): (plain: string) => boolean {
  const literals = patterns.filter(pattern => !pattern.startsWith('!')).map(literalOf)
  const escaped = literals.flatMap(literal => (literal === undefined ? [] : [literal.replace(/[^\w ]/g, '\\$&')]))
  if (escaped.length < literals.length) return () => true
  const sieve = new RegExp(escaped.join('|'))
  return plain => sieve.test(plain)
}

/** The longest text that stands in every path that a rule hits; undefined where there may be none. */
function literalOf(pattern: string): string | undefined {
  const literals = pattern.trimEnd().split(/\[[^\]]*\]|[*?]/)
  // What escapes something, or has a bracket of brackets, is taken apart by the library alone.
  if (literals.some(literal => /[\\[\]]/.test(literal))) return undefined
  const [longest] = literals.map(literal => literal.replace(/^\/+|\/+$/g, '')).sort((a, b) => b.length - a.length)
  return longest === '' ? undefined : longest
}

function rulesIn(text: string, problems: string[]): string[] {
  const rules: string[] = []
  for (const [i, line] of text
    .normalize('NFC')
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    if (/^(#|\s*$)/.test(line)) continue
    if (rules.length >= RULES_MAX) {
      problems.push(`Line ${i + 1} and those after it are not used: ${RULES_MAX} rules are the most.`)
      break
    }
    const reason = whyNotRule(line)
    if (reason === undefined) rules.push(line)
    else problems.push(`Line ${i + 1} is not used, because it ${reason}: ${line.slice(0, 100)}`)
  }
  return rules
}

function whyNotRule(line: string): string | undefined {
  if (line.length > RULE_LENGTH_MAX) return `is longer than ${RULE_LENGTH_MAX} characters`
  if (/(^|[^\\])(\\\\)*\\$/.test(line)) return 'ends in a single backslash'
  if (/\[[^\]]*$/.test(line.replace(/\\./g, ''))) return 'has a [ without its ]'
  if (line.replace(/\/\*\*\/?$/, '').split('**').length - 1 > GLOBSTARS_MAX)
    return `has more than ${GLOBSTARS_MAX} times two asterisks`
  try {
    createIgnore({ ignorecase: false }).add(line).test('a')
    return undefined
  } catch {
    // What the library throws of a pattern that makes no regular expression.
    return "can't be understood"
  }
}
