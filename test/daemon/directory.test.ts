import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import { parseBootstrap } from '../../lib/daemon/config.js'
import { checkDirectory, type DirectoryQuestion } from '../../lib/daemon/directory.js'
import { makeTemporary } from '../make/temporary.js'

/** A place with a directory `free`, a file `file`, a synced folder `synced` and backer's state in `state`. */
async function makePlace(t: Test): Promise<{ at: (...names: string[]) => string; verdict: Verdict }> {
  const root = await makeTemporary(t)
  const at = (...names: string[]): string => join(root, ...names)
  await mkdir(at('free'))
  await writeFile(at('file'), '')
  await mkdir(at('synced', '.backer'), { recursive: true })
  await writeFile(at('synced', '.backer', 'marker'), '')
  await mkdir(at('synced', 'below'))
  await mkdir(at('state', 'inside'), { recursive: true })
  const verdict: Verdict = (directory, more = {}) =>
    checkDirectory({ directory, mayBeMissing: false, home: at('state'), others: [at('synced')], ...more }).then(
      () => 'fine',
      (error: unknown) => (isBackerError(error) ? error.code : String(error))
    )
  return { at, verdict }
}

type Verdict = (directory: string, more?: Partial<DirectoryQuestion>) => Promise<string>

test('a directory may become a folder, a file or nothing may not', async t => {
  const { at, verdict } = await makePlace(t)
  t.is(await verdict(at('free')), 'fine')
  t.is(await verdict(at('synced')), 'fine', 'a folder that is one already')
  t.is(await verdict(at('file')), 'NOT_A_DIRECTORY')
  t.is(await verdict(at('missing')), 'NOT_A_DIRECTORY')
  t.is(await verdict(at('missing', 'deep'), { mayBeMissing: true }), 'fine')
  t.is(await verdict(at('file', 'below'), { mayBeMissing: true }), 'NOT_A_DIRECTORY')
})

test('a folder lies neither in nor round another one, symlinks or not', async t => {
  const { at, verdict } = await makePlace(t)
  await symlink(at('synced', 'below'), at('link'))
  t.is(await verdict(at('synced', 'below')), 'NESTED')
  t.is(await verdict(at('synced', 'below', 'new', 'one'), { mayBeMissing: true }), 'NESTED')
  t.is(await verdict(at('link')), 'NESTED')
  t.is(await verdict(at()), 'NESTED', 'round a folder of this device')
  t.is(await verdict(at(), { others: [], home: '/elsewhere' }), 'fine', 'a folder that this device does not know')
  t.is(await verdict(at('synced', '.backer')), 'NESTED')
})

test("backer's own keys are never synced", async t => {
  const { at, verdict } = await makePlace(t)
  t.is(await verdict(at(), { others: [] }), 'NESTED')
  t.is(await verdict(at('state')), 'NESTED')
  t.is(await verdict(at('state', 'inside')), 'NESTED')
  t.is(await verdict(at('free'), { home: at('free', '.backer', 'home') }), 'fine', 'what lies in .backer is not synced')
})

test('a check makes nothing', async t => {
  const { at, verdict } = await makePlace(t)
  const before = await readdir(at(), { recursive: true })
  for (const name of ['free', 'file', 'missing', 'synced', 'state']) await verdict(at(name), { mayBeMissing: true })
  t.alike((await readdir(at(), { recursive: true })).sort(), before.sort())
})

test('bootstrap addresses are host:port, apart by commas', t => {
  t.is(parseBootstrap(undefined), undefined)
  t.is(parseBootstrap(' , '), undefined)
  t.alike(parseBootstrap('127.0.0.1:49737, node.example:1'), [
    { host: '127.0.0.1', port: 49737 },
    { host: 'node.example', port: 1 }
  ])
  for (const bad of ['127.0.0.1', 'host:0', 'host:65536', ':80', 'a b:80', 'host:80:90']) {
    let said = ''
    try {
      parseBootstrap(bad)
    } catch (error) {
      said = isBackerError(error, 'USAGE') ? error.message : ''
    }
    t.ok(said.includes(bad.trim()), bad)
  }
})
