import test from 'brittle'
import { execFile, spawn } from 'node:child_process'
import { chmod, lstat, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeBacker, makeDirectory, connect, until, untilSame } from '../make/backers.js'
import { makeCliDevice, shareDocs } from '../make/cli.js'
import { readTree } from '../make/tree.js'
import { makeScene } from '../make/watched.js'

const NOBODY = 65534

test('G1 G5: another user can neither talk to a running backer nor read a key off it', async t => {
  if (process.getuid?.() !== 0) {
    t.pass('only root can play another user')
    return
  }
  const device = await makeCliDevice(t)
  const { running, key } = await shareDocs(device)
  const home = join(device.root, '..', 'home')
  const sockets = (await readdir(home)).filter(name => name.endsWith('.sock'))
  t.is(sockets.length, 1)
  await chmod(join(home, '..'), 0o755)
  const visit = `
    const socket = require('node:net').connect(${JSON.stringify(join(home, sockets[0] ?? ''))})
    socket.on('connect', () => console.log('connected')).on('error', error => console.log(error.code))
    setTimeout(() => process.exit(), 1000).unref()`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', visit], { uid: NOBODY, gid: NOBODY, cwd: '/' })
  t.is(stdout.trim(), 'EACCES')
  for (const file of ['cmdline', 'environ'])
    t.absent((await readFile(`/proc/${running.pid}/${file}`, 'utf8')).includes(key.slice(10)), file)
  running.kill()
})

test('G8: another user can neither signal a running backer nor look into its memory', async t => {
  if (process.getuid?.() !== 0) {
    t.pass('only root can play another user')
    return
  }
  const device = await makeCliDevice(t)
  const { running } = await shareDocs(device)
  const visit = `
    const attempts = {
      kill: () => process.kill(${running.pid}, 'SIGTERM'),
      stop: () => process.kill(${running.pid}, 'SIGSTOP'),
      memory: () => require('node:fs').openSync('/proc/${running.pid}/mem', 'r+'),
      maps: () => require('node:fs').readFileSync('/proc/${running.pid}/maps'),
      descriptors: () => require('node:fs').readdirSync('/proc/${running.pid}/fd')
    }
    for (const [name, attempt] of Object.entries(attempts)) {
      try { attempt(); console.log(name, 'worked') } catch (error) { console.log(name, error.code) }
    }`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', visit], { uid: NOBODY, gid: NOBODY, cwd: '/' })
  const attempts = stdout.trim().split('\n')
  t.is(attempts.length, 5)
  t.alike(
    attempts.filter(line => !/ E(PERM|ACCES|NOENT)$/.test(line)),
    []
  )
  t.is((await device.run(['status', '--json'])).code, 0, 'and it goes on')
  await running.stop()
})

test('G2 G4: what backer keeps is closed to others from the beginning, whatever the umask', async t => {
  const program = `
    process.umask(0)
    const { backer } = await import(${JSON.stringify(new URL('../../lib/index.js', import.meta.url).href)})
    const [directory, key, home] = process.argv.slice(1)
    const folder = backer(directory, { key, home })
    await folder.ready()
    process.on('message', () => folder.close().then(() => process.exit()))
    const { pipeline } = await import('node:stream')
    pipeline(process.stdin, folder.createStream(), process.stdout, () => undefined)`
  const other = await makeBacker(t)
  const [directory, home] = [await makeDirectory(t), join(await makeDirectory(t), 'home')]
  const widest = new Map<string, number>()
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', program, directory, other.key, home],
    // A place for temporary files that does not exist: nothing of the library's may need one (G4).
    { stdio: ['pipe', 'pipe', 'inherit', 'ipc'], env: { ...process.env, TMPDIR: '/nonexistent' } }
  )
  t.teardown(() => child.kill('SIGKILL'), { order: -1 })
  const stream = other.createStream()
  stream.on('error', () => undefined)
  child.stdout!.pipe(stream).pipe(child.stdin!)
  for (let i = 0; i < 20; i++) await writeFile(join(other.directory, `file ${i}`), `content ${i}`, { mode: 0o600 })
  await until('all came', async () => {
    await look(directory, widest)
    await look(home, widest)
    return (await readdir(directory)).filter(name => name.startsWith('file')).length === 20
  })
  await writeFile(join(other.directory, 'file 0'), 'replaced', { mode: 0o600 })
  await until('it came', async () => {
    await look(directory, widest)
    return (await readFile(join(directory, 'file 0'), 'utf8')) === 'replaced'
  })
  for (const [path, mode] of widest)
    if ((mode & 0o077) !== 0 && !isSymlink(mode) && path !== directory) t.fail(`${path} was ${mode.toString(8)}`)
  t.ok(widest.size > 25, `${widest.size} paths were looked at`)
  child.send('close')
})

test('G3: a home or a marker that another user prepared is refused or not followed', async t => {
  const outside = await makeDirectory(t)
  await writeFile(join(outside, 'victim'), 'untouched')
  for (const planted of ['.backer', '.backer/tmp', '.backer/revisions', '.backer/index', '.backer/marker']) {
    const directory = await makeDirectory(t)
    if (planted !== '.backer') await mkdir(join(directory, '.backer'))
    await symlink(outside, join(directory, planted))
    await writeFile(join(directory, 'a'), 'x')
    const error = await makeBacker(t, { directory }).then(
      folder => folder.close(),
      (reason: unknown) => reason
    )
    t.ok(error === undefined || error instanceof Error, `${planted}: ${String(error)}`)
    t.alike(await readdir(outside), ['victim'], `nothing went through ${planted}`)
  }
})

test('E3 G6: while somebody turns a directory into a symlink and back, nothing goes through it', async t => {
  const { victim, honest, outside, check, close } = await makeScene()
  await mkdir(join(honest.directory, 'race'))
  await untilSame([victim, honest])
  const swapper = `
    const fs = require('node:fs')
    const [root, outside] = process.argv.slice(1)
    const at = root + '/race'
    process.send('begun')
    for (let i = 0; ; i++) {
      try { fs.renameSync(at, root + '/.race-aside') } catch {}
      try { fs.symlinkSync(outside + '/other', at) } catch {}
      const end = performance.now() + (i % 3)
      while (performance.now() < end);
      try { if (fs.lstatSync(at).isSymbolicLink()) fs.unlinkSync(at) } catch {}
      try { fs.renameSync(root + '/.race-aside', at) } catch {}
    }`
  const child = spawn(process.execPath, ['-e', swapper, victim.directory, outside], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  t.teardown(() => child.kill('SIGKILL'), { order: -1 })
  await new Promise(resolve => child.once('message', resolve))
  const end = Date.now() + 1200
  for (let i = 0; Date.now() < end; i++) {
    for (const name of ['passwd', 'new', `x${i}`])
      await writeFile(join(honest.directory, 'race', name), `write ${i}`).catch(() => undefined)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  child.kill('SIGKILL')
  await new Promise(resolve => child.once('exit', resolve))
  t.alike(await readdir(join(outside, 'other')), ['deep', 'passwd'])
  await check(t)
  await close()
})

test('the revision of a file is not kept through a symlink that stands in the revisions', async t => {
  const [one, outside] = [await makeBacker(t), await makeDirectory(t)]
  const other = await makeBacker(t, { key: one.key })
  connect(one, other)
  await mkdir(join(other.directory, 'd'))
  await writeFile(join(other.directory, 'd/file'), 'first')
  await until('it came', async () => (await readFile(join(one.directory, 'd/file'), 'utf8')) === 'first')
  await symlink(outside, join(one.directory, '.backer/revisions/d'))
  await writeFile(join(other.directory, 'd/file'), 'second')
  await until('it came', async () => (await readFile(join(one.directory, 'd/file'), 'utf8')) === 'second')
  t.alike(await readdir(outside), [])
  t.ok(
    (await readTree(join(one.directory, '.backer'))).some(line =>
      line.includes(Buffer.from('first').toString('base64'))
    )
  )
})

/** Notes the widest mode under which each file and directory was ever seen. */
async function look(root: string, widest: Map<string, number>): Promise<void> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory() && path.includes('revisions')) continue
    // What a file system makes of modes is tried on an empty file, which shows nothing.
    if (entry.name === 'probe-a') continue
    const stat = await lstat(path).catch(() => undefined)
    if (stat !== undefined) widest.set(path, (widest.get(path) ?? 0) | stat.mode)
  }
}

/** The mode of a symlink means nothing: what it leads to has its own. */
function isSymlink(mode: number): boolean {
  return (mode & 0o170000) === 0o120000
}
