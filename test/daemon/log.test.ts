import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { formatKey } from '../../lib/core/model/key-text.js'
import { createWriteKey } from '../../lib/core/model/keys.js'
import { LogFile } from '../../lib/daemon/log-file.js'
import { openLog } from '../../lib/daemon/log.js'
import { makeTemporary } from '../make/temporary.js'

const KEY = formatKey(createWriteKey(new Uint8Array(32).fill(9)))

test('no line has a key or the token, whoever wrote it and however', async t => {
  const file = join(await makeTemporary(t), 'backer.log')
  const { log, close } = openLog(file, 'trace')
  log.info({ key: KEY, folder: { key: KEY, token: 'T0ken-t0ken' } }, `joined with ${KEY}`)
  log.error({ err: new Error(`the key ${KEY.toUpperCase()} is off`) }, 'failed')
  log.trace({ page: 'http://127.0.0.1:8749/#token=T0ken-t0ken' }, 'at http://127.0.0.1:8749/#token=T0ken-t0ken')
  close()
  const text = await readFile(file, 'utf8')
  t.is(text.split('\n').length, 4)
  for (const secret of [KEY.slice(12, 40), KEY.slice(12, 40).toUpperCase(), 'T0ken']) t.absent(text.includes(secret))
  t.ok(text.includes('joined with backer-rw-[hidden]'), 'what it was stays to be seen')
  t.is((await stat(file)).mode & 0o777, 0o600)
})

test('a level says how much is written, and may be changed', async t => {
  const file = join(await makeTemporary(t), 'backer.log')
  const { log, close } = openLog(file, 'warn')
  log.info('one')
  log.warn('two')
  log.level = 'silent'
  log.fatal('three')
  close()
  t.alike(
    (await readFile(file, 'utf8')).split('\n').map(line => line.includes('"two"')),
    [true, false]
  )
})

test('a log is bounded, and a disk that takes no line stops nobody', async t => {
  const directory = await makeTemporary(t)
  const log = new LogFile(join(directory, 'log'), { bytesMax: 1000 })
  for (let i = 0; i < 300; i++) log.write(`this is line ${i} of the log\n`)
  log.close()
  t.alike((await readdir(directory)).sort(), ['log', 'log.1', 'log.2', 'log.3', 'log.4'])
  for (const name of await readdir(directory)) t.ok((await stat(join(directory, name))).size <= 1000)
  t.ok((await readFile(join(directory, 'log'), 'utf8')).endsWith('line 299 of the log\n'))

  await writeFile(join(directory, 'file'), '')
  const nowhere = new LogFile(join(directory, 'file', 'log'))
  nowhere.write('lost\n')
  nowhere.write('lost\n')
  t.is(nowhere.lost, 2)
  await mkdir(join(directory, 'sub'))
  const isDirectory = new LogFile(join(directory, 'sub'))
  isDirectory.write('lost\n')
  t.is(isDirectory.lost, 1)
})
