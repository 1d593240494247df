import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { formatKey } from '../../lib/core/model/key-text.js'
import { createWriteKey, toStoreKey } from '../../lib/core/model/keys.js'
import { makeCliDevice } from '../make/cli.js'

const KEY = formatKey(createWriteKey(new Uint8Array(32).fill(7)))
const TYPO = KEY.slice(0, -6) + (KEY.at(-6) === 'y' ? 'b' : 'y') + KEY.slice(-5)

test('each kind of bad key is told apart, exits with 10, and nothing is made', async t => {
  const device = await makeCliDevice(t)
  const table: readonly (readonly [string, string, RegExp])[] = [
    ['KEY_TYPO', TYPO, /typo/],
    ['KEY_LENGTH', KEY.slice(0, -3), /3 letters too short/],
    ['KEY_LENGTH', `${KEY}yy`, /2 letters too long/],
    ['KEY_ALPHABET', KEY.replace(/.$/, 'l'), /"l"/],
    ['KEY_KIND', KEY.replace('-rw-', '-rx-'), /"rx"/],
    ['KEY_KIND', KEY.slice('backer-'.length), /not a key/],
    ['KEY_KIND', formatKey(toStoreKey(createWriteKey(new Uint8Array(32).fill(7)))), /store key/]
  ]
  const sentences = new Set<string>()
  for (const [name, key, sentence] of table) {
    const ended = await device.run(['join', key, 'here', '--json'])
    const error = JSON.parse(ended.stderr) as Record<string, unknown>
    t.is(ended.code, 10, name)
    t.alike([error['type'], error['code'], error['name']], ['error', 10, name])
    t.ok(sentence.test(String(error['message'])), String(error['message']))
    t.absent(ended.stderr.includes(key.slice(12, 40)), 'the key is not repeated')
    t.is(ended.stdout, '')
    sentences.add(String(error['message']))
  }
  t.is(sentences.size, table.length)
  t.alike(await readdir(device.root), [])
  t.alike(await readdir(join(device.root, '..')), ['files'], 'not even a home')
})

test('a key comes from a file, stdin or the environment, and is missing where it comes from nowhere', async t => {
  const device = await makeCliDevice(t)
  await writeFile(device.at('key'), `${TYPO}\n`)
  t.is((await device.run(['join', '--key-file', 'key', 'here'])).code, 10)
  t.ok(/typo/.test((await device.run(['join', '-', 'here'], { input: `${TYPO}\n` })).stderr))
  t.ok(/typo/.test((await device.run(['join', 'here'], { env: { BACKER_KEY: TYPO } })).stderr))
  t.ok(/no key was given/.test((await device.run(['join', 'here'])).stderr))
  t.ok(/no key was given/.test((await device.run(['join', '-', 'here'])).stderr))
  t.ok(/twice/.test((await device.run(['join', KEY, 'here', '--key-file', 'key'])).stderr))
  const lost = await device.run(['join', '--key-file', 'nowhere', 'here'])
  t.is(lost.code, 1)
  t.ok(lost.stderr.includes('nowhere'))
  t.alike(await readdir(device.root), ['key'])
})

test('a directory that can be no folder is refused in one sentence, and nothing is made', async t => {
  const device = await makeCliDevice(t)
  await writeFile(device.at('file'), '')
  await mkdir(device.at('synced', '.backer'), { recursive: true })
  await writeFile(device.at('synced', '.backer', 'marker'), '')
  await mkdir(device.at('synced', 'below'))
  const before = (await readdir(join(device.root, '..'), { recursive: true })).sort()
  const table: readonly (readonly [string, RegExp])[] = [
    ['file', /is a file/],
    ['missing', /there is no directory/],
    ['file/below', /is a file|there is no directory/],
    ['synced/below', /lies inside the synced folder/]
  ]
  for (const [directory, sentence] of table) {
    const ended = await device.run(['share', directory])
    t.is(ended.code, 1, directory)
    t.ok(sentence.test(ended.stderr), ended.stderr)
    t.is(ended.stderr.split('\n').filter(line => /^\S/.test(line)).length, 1, 'one sentence')
    t.is(ended.stdout, '')
  }
  t.is((await device.run(['join', KEY, 'synced/below/new'])).code, 1)
  t.is((await device.run(['join', KEY, 'file'])).code, 1)
  t.alike((await readdir(join(device.root, '..'), { recursive: true })).sort(), before)
})

test('words that are off exit with 2 and say what was meant', async t => {
  const device = await makeCliDevice(t)
  const table: readonly (readonly [readonly string[], RegExp])[] = [
    [['shar'], /Did you mean share/],
    [['share', '--nam', 'x'], /Did you mean --name/],
    [['share', 'a', 'b'], /too many arguments/],
    [['wait', '--peers', 'many'], /number from 0/],
    [['wait', '--timeout', 'soon'], /number of seconds/],
    [['dht', '--port', '70000'], /0 to 65535/]
  ]
  for (const [args, sentence] of table) {
    const ended = await device.run(args)
    t.is(ended.code, 2, args.join(' '))
    t.ok(sentence.test(ended.stderr), ended.stderr)
    t.absent(/\n\s+at /.test(ended.stderr), 'no stack')
  }
  const ended = await device.run(['share', '.'], { env: { BACKER_BOOTSTRAP: 'nonsense' } })
  t.is(ended.code, 2)
  t.ok(ended.stderr.includes('"nonsense"'))
})

test('commands that need a running backer exit with 5 without one', async t => {
  const device = await makeCliDevice(t)
  for (const args of [['status'], ['peers'], ['wait', '--timeout', '0.1']]) {
    const ended = await device.run([...args, '--json'])
    t.is(ended.code, 5, args[0])
    t.is((JSON.parse(ended.stderr) as { name: string }).name, 'NOT_RUNNING')
  }
  t.is((await device.run(['key'])).code, 7)
})

test('what asks nothing of anybody answers', async t => {
  const device = await makeCliDevice(t)
  const guide = await device.run([])
  t.is(guide.code, 0)
  t.ok(guide.stdout.includes('backer share'))
  const version = JSON.parse((await device.run(['version', '--json'])).stdout) as Record<string, unknown>
  t.is(version['schema'], 1)
  t.ok(/^\d+\.\d+\.\d+/.test(String(version['version'])))
  const help = await device.run(['help', 'join'])
  t.is(help.code, 0)
  t.ok(help.stdout.includes('--key-file') && help.stdout.includes('Exit codes'))
  t.is((await device.run(['--help'])).code, 0)
  t.alike(await readdir(join(device.root, '..')), ['files'])
})

test('a stack is shown only when it is asked for', async t => {
  const device = await makeCliDevice(t)
  t.absent((await device.run(['share', 'missing'])).stderr.includes(' at '))
  t.ok(/\n\s+at /.test((await device.run(['share', 'missing'], { env: { BACKER_DEBUG: '1' } })).stderr))
})
