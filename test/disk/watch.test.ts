import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { joinPath, parsePath, type RelativePath } from '../../lib/core/model/path.js'
import { startWatch, type Watch } from '../../lib/disk/watch.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { emptyDirectory } from './make-folder.js'

const ROOT = '.'
const DEADLINE_MS = 10_000

/** Looks where it is told to, as a survey does: what is new is watched, then listed. */
class Looker {
  readonly directory: string
  /** Every path or directory that was hinted since the last `forget`. */
  readonly hinted = new Set<string>()
  readonly limits: string[] = []
  readonly #watch: Watch
  #wake: () => void = () => undefined

  constructor(directory: string, ignores: (path: RelativePath) => boolean) {
    this.directory = directory
    const handlers = {
      onPaths: (paths: Iterable<RelativePath>) => this.#told(paths, false),
      onDirectories: (directories: Iterable<RelativePath | undefined>) => this.#told(directories, true),
      onLimited: (message: string) => void this.limits.push(message),
      ignores
    }
    this.#watch = startWatch(directory, handlers, realRuntime())
  }

  look(path: RelativePath | undefined): void {
    this.#watch.add([path])
    const entries = readdirSync(join(this.directory, path ?? ''), { withFileTypes: true })
    for (const entry of entries) {
      this.hinted.add(joinPath(path, entry.name))
      if (entry.isDirectory() && entry.name !== '.backer') this.look(joinPath(path, entry.name))
    }
  }

  /** Resolves once all of these have been hinted; rejects with those that were not within ten seconds. */
  async until(...paths: readonly string[]): Promise<void> {
    const missing = (): string[] => paths.filter(path => !this.hinted.has(path))
    await new Promise<void>((resolve, reject) => {
      // Watching keeps no process alive, but this does.
      const deadline = setTimeout(() => reject(new Error(`not hinted: ${missing().join(', ')}`)), DEADLINE_MS)
      this.#wake = () => {
        if (missing().length > 0) return
        clearTimeout(deadline)
        resolve()
      }
      this.#wake()
    })
  }

  close(): void {
    this.#watch.close()
  }

  #told(paths: Iterable<RelativePath | undefined>, areDirectories: boolean): void {
    for (const path of paths) {
      this.hinted.add(path ?? ROOT)
      const full = join(this.directory, path ?? '')
      const isDirectory = lstatSync(full, { throwIfNoEntry: false })?.isDirectory() === true
      if (isDirectory && (areDirectories || !this.hinted.has(`${path}/`))) this.look(path)
    }
    this.#wake()
  }
}

interface WatchingOptions {
  readonly ignores?: (path: string) => boolean
  /** On a file system in memory: for very many files. */
  readonly inMemory?: boolean
}

function watching(t: Test, directories: readonly string[], options: WatchingOptions = {}): Looker {
  const { ignores = () => false, inMemory = false } = options
  const directory = emptyDirectory(t, inMemory)
  for (const path of directories) mkdirSync(join(directory, path), { recursive: true })
  const looker = new Looker(directory, ignores)
  t.teardown(() => looker.close(), { order: -1 })
  looker.look(undefined)
  looker.hinted.clear()
  return looker
}

/** Events that are told in the order in which they came: once this one is, all before it are. */
async function settled(looker: Looker): Promise<void> {
  const name = `settled-${Math.trunc(performance.now() * 1000)}`
  writeFileSync(join(looker.directory, name), '')
  await looker.until(name)
}

test('whatever is done to a file is hinted', async t => {
  const looker = watching(t, ['d'])
  const at = (path: string): string => join(looker.directory, path)
  const steps: readonly (readonly [title: string, paths: readonly string[], act: () => void])[] = [
    ['created', ['d/file'], () => writeFileSync(at('d/file'), 'a')],
    ['written', ['d/file'], () => appendFileSync(at('d/file'), 'b')],
    ['mode', ['d/file'], () => chmodSync(at('d/file'), 0o600)],
    ['renamed', ['d/file', 'd/other'], () => renameSync(at('d/file'), at('d/other'))],
    ['moved', ['d/other', 'top'], () => renameSync(at('d/other'), at('top'))],
    ['staged', ['d/new'], () => writeFileSync(at('d/new'), 'n')],
    ['replaced', ['d/new', 'top'], () => renameSync(at('d/new'), at('top'))],
    ['linked', ['link'], () => symlinkSync('top', at('link'))],
    ['removed', ['top'], () => unlinkSync(at('top'))]
  ]
  for (const [title, paths, act] of steps) {
    looker.hinted.clear()
    act()
    await looker.until(...paths)
    t.pass(title)
  }
})

test('a new directory is hinted with all that comes to lie in it, at once or later', async t => {
  const looker = watching(t, [])
  const at = (path: string): string => join(looker.directory, path)
  mkdirSync(at('a/b/c/d'), { recursive: true })
  writeFileSync(at('a/b/c/d/at-once'), '')
  await looker.until('a', 'a/b/c/d/at-once')
  writeFileSync(at('a/b/c/d/later'), '')
  await looker.until('a/b/c/d/later')
  t.pass()
})

test('a directory that was renamed is watched under its new name', async t => {
  const looker = watching(t, ['old/below'])
  const at = (path: string): string => join(looker.directory, path)
  renameSync(at('old'), at('new'))
  await looker.until('old', 'new', 'new/below')
  looker.hinted.clear()
  writeFileSync(at('new/below/file'), '')
  await looker.until('new/below/file')
  t.absent([...looker.hinted].some(path => path.startsWith('old')))
})

test('two directories that changed their names are each watched under the right one', async t => {
  const looker = watching(t, ['a/in-a', 'b/in-b'])
  const at = (path: string): string => join(looker.directory, path)
  renameSync(at('a'), at('t'))
  renameSync(at('b'), at('a'))
  renameSync(at('t'), at('b'))
  await looker.until('a/in-b', 'b/in-a')
  looker.hinted.clear()
  writeFileSync(at('a/in-b/file'), '')
  writeFileSync(at('b/in-a/file'), '')
  await looker.until('a/in-b/file', 'b/in-a/file')
  t.absent(looker.hinted.has('a/in-a/file') || looker.hinted.has('b/in-b/file'))
})

test('a directory that took the place of another is watched, even where somebody has the first one open', async t => {
  const looker = watching(t, ['open', 'closed'])
  const at = (path: string): string => join(looker.directory, path)
  const open = openSync(at('open'), 'r')
  for (const name of ['open', 'closed']) {
    rmdirSync(at(name))
    mkdirSync(at(name))
  }
  await looker.until('open', 'closed')
  looker.hinted.clear()
  writeFileSync(at('open/file'), '')
  writeFileSync(at('closed/file'), '')
  await looker.until('open/file', 'closed/file')
  closeSync(open)
  t.pass()
})

test('what a directory had below it is hinted when it goes', async t => {
  const looker = watching(t, ['a/b/c'])
  rmSync(join(looker.directory, 'a'), { recursive: true })
  await looker.until('a', 'a/b', 'a/b/c')
  t.pass()
})

test("neither backer's own directory nor what is ignored makes a hint", async t => {
  const looker = watching(t, ['.backer/tmp', 'd'], { ignores: path => path.endsWith('.ignored') })
  const at = (path: string): string => join(looker.directory, path)
  writeFileSync(at('.backer/tmp/x'), '')
  writeFileSync(at('.backer/marker'), '')
  chmodSync(at('.backer'), 0o700)
  writeFileSync(at('d/file.ignored'), '')
  await settled(looker)
  t.alike(
    [...looker.hinted].filter(path => !path.startsWith('settled')),
    []
  )
})

test('a name that is no text makes its directory a hint', async t => {
  const looker = watching(t, ['d'])
  writeFileSync(Buffer.concat([Buffer.from(`${looker.directory}/d/`), Buffer.from([0xff, 0xfe])]), '')
  await looker.until('d')
  t.pass()
})

test('a storm of changes is told whole', async t => {
  const looker = watching(t, ['d'], { inMemory: true })
  const COUNT = 6000
  for (let i = 0; i < COUNT; i++) writeFileSync(join(looker.directory, `d/${i}`), '')
  await looker.until('d/0', `d/${COUNT - 1}`)
  const missing = Array.from({ length: COUNT }, (_, i) => `d/${i}`).filter(path => !looker.hinted.has(path))
  t.is(missing.length, 0, 'each by itself or by its directory')
})

test('where more happens than the system holds for us, everything is to be looked at', async t => {
  const limit = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'))
  if (limit > 100_000) {
    t.comment(`the system holds ${limit} events`)
    return
  }
  const looker = watching(t, ['busy', 'quiet/below'], { inMemory: true })
  for (let i = 0; i < limit; i++) writeFileSync(join(looker.directory, `busy/${i % 500}`), `${i}`)
  // What comes now is lost: nobody has taken an event meanwhile.
  writeFileSync(join(looker.directory, 'quiet/below/file'), '')
  await looker.until(ROOT, 'busy', 'quiet', 'quiet/below')
  t.ok(looker.hinted.has('quiet/below/file'))
})

test('where the system lets no more directories be watched, it is told once, with what to do', t => {
  const directory = emptyDirectory(t)
  for (const name of ['1', '2', '3', '4', '5', '6']) mkdirSync(join(directory, name))
  const script = `
    Promise.all(['disk/watch.js', 'real-runtime.js'].map(name => import(${JSON.stringify(new URL('../../lib/', import.meta.url).href)} + name)))
      .then(([{ startWatch }, { realRuntime }]) => {
        const told = []
        const handlers = { onPaths() {}, onDirectories() {}, onLimited: message => told.push(message), ignores: () => false }
        const watch = startWatch(${JSON.stringify(directory)}, handlers, realRuntime())
        watch.add([undefined, '1', '2', '3', '4', '5', '6'])
        watch.add(['5', '6'])
        console.log(JSON.stringify(told))
        watch.close()
      })`
  const limited = 'echo 4 > /proc/sys/user/max_inotify_watches && exec "$@"'
  const ran = spawnSync('unshare', ['-Ur', 'sh', '-c', limited, 'sh', process.execPath, '-e', script])
  if (ran.status !== 0) {
    t.comment(`needs user namespaces: ${ran.stderr.toString().slice(0, 200)}`)
    return
  }
  const told = JSON.parse(ran.stdout.toString()) as string[]
  t.is(told.length, 1)
  t.ok(told[0]?.startsWith('only 4 directories can be watched (ENOSPC)'), told[0])
  t.ok(told[0]?.includes('sysctl fs.inotify.max_user_watches'))
})

test('a directory that is missing, closed or a symlink is not watched, and nothing comes of it', async t => {
  const looker = watching(t, ['real', 'outside'])
  symlinkSync('outside', join(looker.directory, 'link'))
  const watch = startWatch(
    looker.directory,
    {
      onPaths: paths =>
        t.alike(
          [...paths].filter(path => path.startsWith('link/')),
          []
        ),
      onDirectories: () => undefined,
      onLimited: message => t.fail(message),
      ignores: () => false
    },
    realRuntime()
  )
  watch.add(['missing', 'link', 'real/missing'].map(parsePath))
  writeFileSync(join(looker.directory, 'outside/file'), '')
  await looker.until('outside/file')
  await settled(looker)
  watch.close()
  watch.add([undefined])
  execFileSync('touch', [join(looker.directory, 'after')])
  await looker.until('after')
  t.pass()
})
