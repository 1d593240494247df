import { appendFile, readFile, stat } from 'node:fs/promises'
import test from 'brittle'
import z32 from 'z32'
import { parseKey } from '../../lib/core/model/key-text.js'
import { folderKeyPair, toReadKey } from '../../lib/core/model/keys.js'
import { withoutSecrets } from '../../lib/cli/secrets.js'
import { openHome } from '../../lib/home/home.js'
import { makeCliDevice, shareDocs } from '../make/cli.js'

test('a report has what helps, and no secret in any form, wherever it stood', { timeout: 60_000 }, async t => {
  const device = await makeCliDevice(t)
  const { key } = await shareDocs(device)
  const home = openHome(device.at('..', 'home'))
  const secrets = await secretsIn(home, key)
  await device.run(['config', 'set', 'hook.conflict', 'mail --password hunter2-hunter2'])
  // As if something had failed to hide them.
  await appendFile(
    device.at('..', 'home', 'daemon.log'),
    [...secrets, key.toUpperCase()].map(text => `see ${text}.\n`).join('')
  )
  const env = { BACKER_KEY: 'backer-rw-of-another-folder' }
  const made = await device.run(['report', '--output', 'report.json'], { env })
  t.is(made.code, 0, made.stderr)
  const file = device.at('report.json')
  t.is((await stat(file)).mode & 0o777, 0o600)
  const text = await readFile(file, 'utf8')
  for (const secret of [...secrets, env.BACKER_KEY, 'hunter2'])
    t.absent(text.toLowerCase().includes(secret.toLowerCase()), secret.slice(0, 6))

  const report = JSON.parse(text) as Readonly<Record<string, unknown>>
  const { folders, findings, status, logs, files } = report as Readonly<Record<string, unknown[]>>
  t.is((folders?.[0] as { name: string }).name, 'docs')
  t.ok((findings as { what: string }[]).some(({ what }) => what === 'disk of "docs"'))
  t.alike(report['settings'], { 'hook.conflict': '[hidden]' })
  t.is((status as unknown as { folders: { name: string }[] }).folders[0]?.name, 'docs')
  t.ok((logs as unknown as Record<string, string[]>)['backer.log']?.some(line => line.includes('started')))
  t.ok(
    (files as { name: string }[]).some(({ name }) => name === 'device.key'),
    'that it is there is no secret'
  )

  t.is((await device.run(['report', '--output', 'report.json'])).code, 1, 'no file is replaced')
  const piped = await device.run(['report', '--output', '-'])
  t.is((JSON.parse(piped.stdout) as { schema: number }).schema, 1)
  t.absent(piped.stdout.includes(key))
})

/** Everything that must not get out, as it could be written; put together here without the code that hides it. */
async function secretsIn(home: ReturnType<typeof openHome>, text: string): Promise<readonly string[]> {
  const key = parseKey(text)
  if (key.kind !== 'write') throw new Error('it is no write key')
  const deviceSeed = Buffer.from((await readFile(`${home.directory}/device.key`, 'utf8')).split(' ')[1] ?? '', 'hex')
  const token = (await readFile(`${home.directory}/page-token`, 'utf8')).trim()
  const bytes = [key.seed, toReadKey(key).readSecret, folderKeyPair(key.seed).secretKey, deviceSeed]
  const forms = bytes.flatMap(one => {
    const buffer = Buffer.from(one)
    return [
      buffer.toString('hex'),
      buffer.toString('base64url'),
      buffer.toString('base64').replace(/=+$/, ''),
      z32.encode(one)
    ]
  })
  return [text, text.slice('backer-rw-'.length), token, ...forms, z32.encode(key.folderPublicKey)]
}

test('a text with a secret that could not be taken out is not given', async t => {
  const secrets = { texts: ['[hidden][hidden]'], ids: [] }
  await t.exception(
    () => withoutSecrets('[hidden][hidden][hidden][hidden]', { ...secrets, texts: ['[hidden]'] }),
    /a secret was left/
  )
})
