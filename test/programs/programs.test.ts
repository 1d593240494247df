import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import test from 'brittle'
import type { Backer } from '../../lib/index.js'
import { makeDevices, until, untilSame, type Scope } from '../make/backers.js'
import { installPackages } from '../make/packages.js'
import { differences } from '../faults/machine.js'

/** Other people's programs as users of one device; whether the other one has the same is for yet others to say, never for this project's own hashes. */
installPackages({ rsync: 'rsync', git: 'git', fio: 'fio', 'stress-ng': 'stress-ng', hashdeep: 'hashdeep' })

const { COMMITS = '60', SECONDS = '10' } = process.env

async function makePair(t: Scope): Promise<[Backer, Backer]> {
  return (await makeDevices(t, 2)) as [Backer, Backer]
}

function run(program: string, args: readonly string[], cwd?: string): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd })
  })
}

/** Waits until both have the same, by rsync's and by hashdeep's reckoning. Gives the conflict copies that there are. */
async function conflictsOf([a, b]: readonly [Backer, Backer]): Promise<string[]> {
  await until('both show the same', async () => {
    await untilSame([a, b])
    return differences(a.directory, b.directory).length === 0
  })
  const known = join(mkdtempSync(join(tmpdir(), 'backer-programs-')), 'known')
  const files = readdirSync(a.directory, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(a.directory.length + 1))
    .filter(path => !path.startsWith('.backer/'))
  if (files.length > 0) {
    const sums = run('hashdeep', ['-c', 'sha256', '-l', ...files.slice(0, 5000)], a.directory)
    execFileSync('tee', [known], { input: sums, stdio: ['pipe', 'ignore', 'ignore'] })
    run('hashdeep', ['-c', 'sha256', '-a', '-l', '-k', known, ...files.slice(0, 5000)], b.directory)
    rmSync(known)
  }
  return files.filter(path => path.includes('(conflict '))
}

test(
  `git: ${COMMITS} commits of this project, checked out one after the other, are on the other device what git says they are`,
  { timeout: 850_000 },
  async t => {
    const pair = await makePair(t)
    const repository = resolve('.')
    const commits = run('git', ['-C', repository, 'rev-list', '--first-parent', '--reverse', 'HEAD']).trim().split('\n')
    const step = Math.max(1, Math.floor(commits.length / Number(COMMITS)))
    const scratch = mkdtempSync(join(tmpdir(), 'backer-git-'))
    t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
    const bare = join(scratch, 'bare.git')
    run('git', ['clone', '-q', '--bare', repository, bare])
    const git = (tree: string, ...args: string[]): string =>
      run('git', [`--git-dir=${bare}`, `--work-tree=${tree}`, ...args], tree)
    let checked = 0
    for (let i = 0; i < commits.length; i += step) {
      git(pair[0].directory, 'checkout', '-q', '-f', commits[i] ?? 'HEAD', '--', '.')
      if (checked++ % 10 !== 0 && i + step < commits.length) continue
      t.alike(await conflictsOf(pair), [])
      const shown = git(pair[1].directory, 'status', '--porcelain', '--untracked-files=no')
      t.is(shown, git(pair[0].directory, 'status', '--porcelain', '--untracked-files=no'), `commit ${i}`)
    }
    t.ok(checked > 5, `${checked} commits`)
  }
)

test('fio: what it writes on one device it verifies on the other', { timeout: 600_000 }, async t => {
  const pair = await makePair(t)
  const job = [
    '--name=job',
    '--filename=data',
    '--size=32m',
    '--bs=16k',
    '--rw=randwrite',
    '--verify=crc32c',
    '--randseed=7',
    '--allrandrepeat=1',
    '--output=/dev/null'
  ]
  run('fio', [...job, '--do_verify=0', '--verify_state_save=0'], pair[0].directory)
  t.alike(await conflictsOf(pair), [])
  await t.execution(() => run('fio', [...job, '--verify_only', '--verify_state_load=0'], pair[1].directory))
})

test(`stress-ng: ${SECONDS} s of its file-system class, then both have the same`, { timeout: 850_000 }, async t => {
  const pair = await makePair(t)
  const place = join(pair[0].directory, 'stress')
  mkdirSync(place)
  const stressors = [
    'dentry',
    'dir',
    'dirdeep',
    'filename',
    'rename',
    'link',
    'symlink',
    'chmod',
    'utime',
    'fallocate',
    'hdd',
    'iomix',
    'xattr'
  ]
  const sizes = ['--hdd-bytes', '4m', '--iomix-bytes', '4m', '--fallocate-bytes', '4m', '--dirdeep-inodes', '2000']
  run('nice', [
    'stress-ng',
    '--temp-path',
    place,
    '--timeout',
    `${SECONDS}s`,
    ...stressors.flatMap(name => [`--${name}`, '1']),
    ...sizes
  ])
  t.alike(await conflictsOf(pair), [])
  await until('both say so', () => pair.every(device => device.status().state === 'in-sync'))
})

test(
  'npm: an installed tree of packages is the same on the other device, and goes again',
  { timeout: 850_000 },
  async t => {
    const pair = await makePair(t)
    run('cp', ['-a', resolve('node_modules/fastify'), resolve('node_modules/lmdb'), pair[0].directory])
    t.alike(await conflictsOf(pair), [])
    run('npm', ['init', '-y'], pair[0].directory)
    run(
      'npm',
      ['install', '--offline', '--no-audit', '--no-fund', resolve('node_modules/z32'), resolve('node_modules/b4a')],
      pair[0].directory
    )
    t.alike(await conflictsOf(pair), [])
    rmSync(join(pair[0].directory, 'node_modules'), { recursive: true })
    rmSync(join(pair[0].directory, 'fastify'), { recursive: true })
    await until(
      'it is gone there as well',
      () => !readdirSync(pair[1].directory).includes('node_modules') || pair[0].status().heldDeletes !== undefined
    )
  }
)
