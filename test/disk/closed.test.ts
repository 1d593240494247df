import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'
import test from 'brittle'
import { makeFolder, recoverFolder, textsBelow } from './make-folder.js'
import { parsePath } from '../../lib/core/model/path.js'
import { openMarkName } from '../../lib/disk/names.js'

/** A user without privileges: nothing is closed to root. */
const NOBODY = 65534

test('what lies in directories that are closed to their own user is made, replaced, moved and removed as elsewhere', async t => {
  const folder = makeFolder(t)
  if (process.getuid?.() === 0) giveAway(folder.directory)
  const program = fileURLToPath(new URL('./closed-directories.js', import.meta.url))
  const child = spawn(process.execPath, [program, folder.directory], { stdio: ['ignore', 'inherit', 'pipe'] })
  const [said] = await Promise.all([text(child.stderr), once(child, 'exit')])
  t.is(said, '')
  t.is(child.exitCode, 0)
  t.is(lstatSync(folder.at('closed')).mode & 0o777, 0o555)
  t.is(lstatSync(folder.at('closed/below')).mode & 0o777, 0o500)
  t.alike(readdirSync(folder.at('.backer/tmp')), [])
  chmodSync(folder.at('closed'), 0o700)
  chmodSync(folder.at('closed/below'), 0o700)
  const found = [...textsBelow(folder)].sort()
  t.alike(found, [
    ['closed/below/made', 'made'],
    ['closed/moved', 'moved'],
    ['closed/replaced', 'new']
  ])
})

test('a directory that a crash left open gets its mode back', t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('closed'))
  mkdirSync(folder.at('changed'))
  chmodSync(folder.at('closed'), 0o755)
  chmodSync(folder.at('changed'), 0o750)
  for (const path of ['closed', 'changed', 'gone'])
    writeFileSync(folder.at(`.backer/tmp/${openMarkName(parsePath(path), 0o555)}`), '')
  recoverFolder(folder, ['closed', 'changed', 'gone'])
  t.is(lstatSync(folder.at('closed')).mode & 0o777, 0o555)
  t.is(lstatSync(folder.at('changed')).mode & 0o777, 0o750, 'what the user has set stays')
  t.alike(readdirSync(folder.at('.backer/tmp')), [])
})

function giveAway(directory: string): void {
  chownSync(directory, NOBODY, NOBODY)
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }))
    chownSync(`${directory}/${name}`, NOBODY, NOBODY)
}
