import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import type { Backer } from '../../lib/index.js'
import { makeDevices, until, untilSame, type Scope } from '../make/backers.js'
import { installPackages } from '../make/packages.js'
import { SeededRandom } from '../sim/random.js'
import { differences } from './machine.js'

installPackages({
  rsync: 'rsync',
  vim: 'vim',
  emacs: 'emacs-nox',
  git: 'git',
  sqlite3: 'sqlite3',
  nano: 'nano',
  python3: 'python3-minimal'
})

const SAVES = 40

async function makePair(t: Scope): Promise<[Backer, Backer]> {
  return (await makeDevices(t, 2)) as [Backer, Backer]
}

/** Waits until both hold the same, and gives what rsync finds different, and every conflict copy. */
async function wrong([a, b]: readonly [Backer, Backer]): Promise<string[]> {
  await until('both show the same', async () => {
    await untilSame([a, b])
    return differences(a.directory, b.directory).length === 0
  })
  const names = readdirSync(a.directory, { recursive: true, encoding: 'utf8' })
  return names.filter(name => !name.startsWith('.backer/') && name.includes('(conflict '))
}

/** Writers that never leave a file in one piece, each for `rounds` rounds. What they write is lines of equal numbers, so that a mixture would show. */
const WRITERS: Readonly<Record<string, (path: string, round: number) => void>> = {
  'an appender': (path, round) => appendFileSync(path, `${round} `.repeat(2000)),
  'a rewriter in place': (path, round) => {
    const file = openSync(path, 'r+')
    for (let at = 0; at < 20; at++) writeSync(file, `${round}`.padEnd(10_000, '.'), at * 10_000)
    closeSync(file)
  },
  'one that cuts to nothing and writes anew': (path, round) => {
    truncateSync(path, 0)
    writeFileSync(path, `${round} `.repeat(30_000))
  },
  'a rotation of logs': (path, round) => {
    renameSync(path, `${path}.1`)
    writeFileSync(path, `${round}\n`)
  }
}

for (const [title, write] of Object.entries(WRITERS)) {
  test(`F17: ${title} never stops, and in the end both have the same, without a conflict`, async t => {
    const pair = await makePair(t)
    const path = join(pair[0].directory, 'log')
    writeFileSync(path, 'x'.repeat(200_000))
    await untilSame(pair)
    for (let round = 0; round < 60; round++) {
      write(path, round)
      await new Promise(resolve => setTimeout(resolve, 15))
    }
    t.alike(await wrong(pair), [])
  })
}

/** Plays the user of nano, who looks at what it shows before pressing the next key. */
const NANO = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execvpe("nano", ["nano", "-I", sys.argv[1]], {**os.environ, "TERM": "xterm"})
def until(word):
    seen = b""
    while word not in seen: seen += os.read(fd, 4096)
until(b"Exit")
os.write(fd, bytes([11]) + sys.argv[2].encode() + bytes([15]))
until(b"Write:")
os.write(fd, bytes([13]))
until(b"Wrote")
os.write(fd, bytes([24]))
try:
    while os.read(fd, 4096): pass
except OSError: pass
os.waitpid(pid, 0)`

/** Programs that save a file so that nobody ever sees half of it. `$1` is the file, `$2` what is to be in it. */
const SAVERS: Readonly<Record<string, string>> = {
  vim: `printf '%s\\n' "$2" > /tmp/in-$$; vim -u NONE -N -es -c "%d" -c "0r /tmp/in-$$" -c 'wq' "$1"; rm /tmp/in-$$`,
  emacs: `emacs -Q --batch --eval '(progn (find-file (getenv "FILE")) (erase-buffer) (insert (getenv "TEXT")) (save-buffer))' 2>/dev/null`,
  nano: `python3 -c '${NANO}' "$1" "$2"`,
  'sed -i': `sed -i "1s/.*/$2/" "$1"`,
  'mv -T': `printf '%s\\n' "$2" > "$1.new"; mv -T "$1.new" "$1"`,
  'cp --reflink=auto': `printf '%s\\n' "$2" > /tmp/in-$$; cp --reflink=auto /tmp/in-$$ "$1"; rm /tmp/in-$$`
}

for (const [program, script] of Object.entries(SAVERS)) {
  test(
    `F18: ${SAVES} saves by ${program} make no conflict, and the last one is everywhere`,
    { timeout: 300_000 },
    async t => {
      const pair = await makePair(t)
      const path = join(pair[0].directory, 'text')
      writeFileSync(path, 'first\n')
      await untilSame(pair)
      for (let i = 0; i < SAVES; i++)
        execFileSync('bash', ['-c', script, 'save', path, `version ${i}`], {
          env: { ...process.env, FILE: path, TEXT: `version ${i}\n` },
          stdio: 'ignore'
        })
      t.alike(await wrong(pair), [])
      t.is(readFileSync(join(pair[1].directory, 'text'), 'utf8').trim(), `version ${SAVES - 1}`)
    }
  )
}

test(
  'F18: a git repository that is worked in arrives whole: git itself finds nothing wrong with it',
  { timeout: 300_000 },
  async t => {
    const pair = await makePair(t)
    const work = pair[0].directory
    const git = (at: string, ...args: string[]): string =>
      execFileSync('git', ['-C', at, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { encoding: 'utf8' })
    mkdirSync(join(work, 'repo'))
    git(join(work, 'repo'), 'init', '-q', '-b', 'main')
    for (let i = 0; i < 30; i++) {
      writeFileSync(join(work, 'repo', `file ${i % 7}`), `${i}\n`.repeat(i * 20 + 1))
      git(join(work, 'repo'), 'add', '-A')
      git(join(work, 'repo'), 'commit', '-qm', `commit ${i}`)
      if (i % 10 === 9) git(join(work, 'repo'), 'gc', '-q')
    }
    t.alike(await wrong(pair), [])
    const there = join(pair[1].directory, 'repo')
    git(there, 'fsck', '--full', '--strict')
    t.is(git(there, 'rev-parse', 'HEAD'), git(join(work, 'repo'), 'rev-parse', 'HEAD'))
    t.is(git(there, 'status', '--porcelain'), '')
  }
)

for (const mode of ['delete', 'wal']) {
  test(
    `F18: a database that was written to in mode ${mode} and closed is whole on the other device`,
    { timeout: 300_000 },
    async t => {
      const pair = await makePair(t)
      const sql = (at: string, text: string): string =>
        execFileSync('sqlite3', [join(at, 'data.db'), text], { encoding: 'utf8' })
      sql(pair[0].directory, `pragma journal_mode=${mode}; create table t(n integer primary key, text text);`)
      for (let i = 0; i < 60; i++)
        sql(
          pair[0].directory,
          `insert into t(text) values (hex(randomblob(2000))); delete from t where n % 7 = ${i % 7} and n < ${i - 20};`
        )
      t.alike(await wrong(pair), [])
      t.is(sql(pair[1].directory, 'pragma integrity_check').trim(), 'ok')
      t.is(
        sql(pair[1].directory, 'select count(*), sum(length(text)) from t'),
        sql(pair[0].directory, 'select count(*), sum(length(text)) from t')
      )
    }
  )
}

/** Makes something of a random kind at a path, whatever stands there. */
function replaceBy(random: SeededRandom, path: string, depth = 0): void {
  rmSync(path, { recursive: true, force: true })
  const kind = random.below(depth < 2 ? 4 : 3)
  if (kind === 0) writeFileSync(path, Buffer.from(random.bytes(random.below(3000))).toString('hex'))
  else if (kind === 1) symlinkSync(`to ${random.below(1000)}`, path)
  else if (kind === 2) mkdirSync(path)
  else {
    mkdirSync(path)
    for (const name of ['a', 'b', 'c']) replaceBy(random, join(path, name), depth + 1)
  }
}

test(
  'F19: files, directories and symlinks take each other’s place on both sides at once',
  { timeout: 300_000 },
  async t => {
    const pair = await makePair(t)
    const random = new SeededRandom('types')
    for (let round = 0; round < 120; round++) {
      replaceBy(random, join(random.pick(pair).directory, random.pick(['one', 'two', 'three'])))
      if (round % 10 === 0) await new Promise(resolve => setTimeout(resolve, random.below(200)))
    }
    await wrong(pair)
    t.alike(differences(pair[0].directory, pair[1].directory), [])
    t.alike(
      pair.map(device => device.status().problemCount),
      [0, 0]
    )
  }
)

test(
  'F31: a storm of renames, trees that change levels, and directories that are moved into each other apart',
  { timeout: 300_000 },
  async t => {
    const pair = await makePair(t)
    const [a, b] = pair
    for (let i = 0; i < 1000; i++) {
      mkdirSync(join(a.directory, `d${i % 10}`), { recursive: true })
      writeFileSync(join(a.directory, `d${i % 10}/${i}`), `${i}`)
    }
    for (const name of ['x', 'y']) mkdirSync(join(a.directory, name))
    writeFileSync(join(a.directory, 'x/in x'), 'x')
    writeFileSync(join(a.directory, 'y/in y'), 'y')
    await untilSame(pair)
    for (let i = 0; i < 1000; i++)
      renameSync(join(a.directory, `d${i % 10}/${i}`), join(a.directory, `d${(i + 1) % 10}/r${i}`))
    for (let i = 0; i < 9; i++) renameSync(join(a.directory, `d${i}`), join(a.directory, `d${i + 1}/d${i}`))
    t.alike(await wrong(pair), [])
    renameSync(join(a.directory, 'x'), join(a.directory, 'y/x'))
    renameSync(join(b.directory, 'y'), join(b.directory, 'x/y'))
    await wrong(pair)
    t.alike(differences(a.directory, b.directory), [])
    const texts = readdirSync(a.directory, { recursive: true, encoding: 'utf8' }).filter(
      name => /in [xy]/.test(name) && !name.startsWith('.backer')
    )
    for (const name of ['in x', 'in y'])
      t.ok(
        texts.some(path => path.includes(name)),
        `${name} is still there`
      )
  }
)
