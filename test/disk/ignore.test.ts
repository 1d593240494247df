import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import { parseIgnore, type IgnoreRules } from '../../lib/disk/ignore.js'
import { makeTemporary } from '../make/temporary.js'

/** Whether rules ignore a path; one with a slash at its end is a directory. */
function ignores(rules: IgnoreRules, path: string): boolean {
  const isDirectory = path.endsWith('/')
  return rules.ignores(parsePath(isDirectory ? path.slice(0, -1) : path), isDirectory)
}

const PATTERNS = [
  'build',
  'target/',
  '/only-root',
  '*.log',
  '!keep.log',
  'docs/*.txt',
  'a/**/z',
  '**/deep/leaf',
  'all/**',
  '[Ff]oo?',
  '[!a-m]x',
  '\\#sharp',
  '\\!bang',
  'trailing   ',
  'space\\ ',
  '# a comment',
  'with space',
  'x/y/',
  '*.b[ai]k',
  'under_*_score',
  'caf\u00e9'
]

const PATHS = [
  'build',
  'build/',
  'Build',
  'src/build/',
  'src/build/x',
  'build.txt',
  'target',
  'target/',
  'a/target/',
  'a/target/file',
  'only-root',
  'sub/only-root',
  'x.log',
  'keep.log',
  'sub/keep.log',
  'sub/x.log',
  'build/keep.log',
  'docs/a.txt',
  'docs/sub/a.txt',
  'other/docs/a.txt',
  'a/z',
  'a/b/c/z',
  'b/a/z',
  'deep/leaf',
  'x/deep/leaf',
  'all',
  'all/below',
  'foo1',
  'Foo1',
  'foo12',
  'FOO1',
  'nx',
  'ax',
  '#sharp',
  '!bang',
  'trailing',
  'space ',
  'space',
  'a comment',
  'with space',
  'x/y/',
  'x/y',
  'w/x/y/',
  'f.bak',
  'f.bik',
  'f.bok',
  'under_a_score',
  'under_score',
  'caf\u00e9',
  '.hidden',
  '..two',
  'nothing'
]

test('a rule by itself hits what it does beside one that keeps the sieve out', t => {
  const odd = [
    '*',
    '?',
    '**',
    '[]x]foo',
    '[[:alpha:]]b',
    '[!a]x',
    'a[b/c]z',
    'a//z',
    '/',
    '*/',
    'b*d',
    '\u{1f600}*',
    '$*',
    'a.z'
  ]
  const paths = [...PATHS, 'xfoo', ']foo', 'ab', 'a.z', 'axz', '\u{1f600}', '$x', 'b/d', 'bd']
  for (const pattern of [...PATTERNS, ...odd]) {
    const [alone, beside] = [parseIgnore(pattern), parseIgnore(`${pattern}\n\\#never`)]
    const differing = paths.filter(path => ignores(alone, path) !== ignores(beside, path))
    if (differing.length > 0) t.alike(differing, [], pattern)
  }
  t.ok(ignores(parseIgnore(undefined), 'sub/.DS_Store') && !ignores(parseIgnore(undefined), 'sub/file'))
})

test('the rules mean what they mean to Git', async t => {
  if (spawnSync('git', ['--version']).status !== 0) {
    t.comment('needs git')
    return
  }
  const directory = await makeTemporary(t)
  const git = (...args: readonly string[]): Buffer =>
    execFileSync('git', ['-C', directory, '-c', 'core.ignorecase=false', ...args])
  git('init', '-q')
  // As Git sees it, what is a directory depends on the disk, so that each path is told in a form that says it.
  writeFileSync(join(directory, '.gitignore'), PATTERNS.join('\n'))
  const told = spawnSync('git', ['-C', directory, 'check-ignore', '--no-index', '--stdin', '-z'], {
    input: PATHS.join('\0')
  })
  const ignored = new Set(told.stdout.toString().split('\0'))
  const rules = parseIgnore(PATTERNS.join('\n'))
  t.alike(rules.problems, [])
  t.ok(ignored.size > 20, `${ignored.size} paths are ignored`)
  for (const path of PATHS) t.is(ignores(rules, path), ignored.has(path), path)
})

test('what programs leave behind for themselves is ignored by itself', t => {
  const rules = parseIgnore(undefined)
  const junk = [
    '.DS_Store',
    'a/.DS_Store',
    'Thumbs.db',
    'a/b/thumbs.db',
    'desktop.ini',
    '$RECYCLE.BIN/',
    '$RECYCLE.BIN/x/y',
    '.Trash-1000/',
    '.Trash-1000/files/a'
  ]
  const transient = [
    '~$report.docx',
    '.~lock.report.odt#',
    '.#notes',
    '.notes.swp',
    '.notes.swx',
    '.nfs000000000000000000000001',
    '.fuse_hidden0000000100000002',
    '.goutputstream-A1B2C3',
    'movie.mkv.crdownload'
  ]
  for (const path of [...junk, ...transient]) t.ok(ignores(rules, path), path)
  for (const path of junk) t.ok(rules.deletable(parsePath(path.replace(/\/$/, ''))), `${path} goes with its directory`)
  for (const path of transient) t.absent(rules.deletable(parsePath(path)), `${path} shows that its directory is in use`)
})

test("nothing of a user's is ignored by itself", t => {
  const rules = parseIgnore(undefined)
  const paths = [
    'a~',
    'movie.part',
    '4913',
    'x.tmp',
    'x.bak',
    '#a#',
    '.git/',
    '.env',
    'node_modules/',
    '.backerignore',
    'CON'
  ]
  for (const path of paths) t.absent(ignores(rules, path), path)
})

test('a user can have back what is ignored by itself', t => {
  const rules = parseIgnore('!Thumbs.db\n!.Trash-*/')
  t.absent(ignores(rules, 'a/Thumbs.db'))
  t.absent(ignores(rules, '.Trash-1000/files/a'))
  t.ok(ignores(rules, '.DS_Store'))
})

test('the rules themselves are always synced', t => {
  const rules = parseIgnore('*\n.backerignore')
  t.absent(ignores(rules, '.backerignore'))
  t.ok(ignores(rules, 'sub/.backerignore'))
})

test('both forms of a letter with an accent are one, and ends of lines are of any kind', t => {
  const rules = parseIgnore('\ufeffcafe\u0301\r\nother\r\n')
  t.ok(ignores(rules, 'caf\u00e9'))
  t.ok(ignores(rules, 'cafe\u0301'))
  t.ok(ignores(rules, 'other'))
})

test('a line that can not be used is told, and the others are used', t => {
  const lines = [
    'good',
    'ends in\\',
    'a[b',
    '**/a/**/b/**/c',
    'x'.repeat(2000),
    '',
    '# a comment',
    '[[]fine',
    'also/**/good/**'
  ]
  const rules = parseIgnore(lines.join('\n'))
  t.alike(
    rules.problems.map(problem => /^Line \d+/.exec(problem)?.[0]),
    ['Line 2', 'Line 3', 'Line 4', 'Line 5']
  )
  t.ok(ignores(rules, 'good'))
  t.ok(ignores(rules, '[fine'))
  t.ok(ignores(rules, 'also/x/good/y'))
})

test('there is a most of rules', t => {
  const rules = parseIgnore(Array.from({ length: 3000 }, (_, i) => `rule-${i}`).join('\n'))
  t.is(rules.problems.length, 1)
  t.ok(ignores(rules, 'rule-1999'))
  t.absent(ignores(rules, 'rule-2000'))
})

test('no rule takes long, whatever the path', t => {
  const worst = ['**/*a*/**/*b', '*a*a*a*a*a*a*b', '?*?*?*?*?*?*1', '[a-z]*[a-z]*[a-z]*[a-z]*1', 'a/**/a/**/b']
  const rules = parseIgnore(worst.join('\n'))
  t.alike(rules.problems, [])
  const path = new Array<string>(255).fill('aaaaaaaaaaaaaaa').join('/')
  const begin = process.cpuUsage()
  t.absent(ignores(rules, path))
  const { user } = process.cpuUsage(begin)
  t.ok(user < 3_000_000, `${user / 1000} ms for a path of ${path.length} bytes`)
})

test('verdicts stay the same however many are asked for', t => {
  const rules = parseIgnore('*.log')
  for (let i = 0; i < 45_000; i++) rules.ignores(parsePath(`directory/file-${i}`), false)
  t.ok(ignores(rules, 'a/b.log'))
  t.absent(ignores(rules, 'a/b.txt'))
})
