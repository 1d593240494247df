import { readdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test from 'brittle'
import { claimSocket, findSocket, releaseSocket } from '../../lib/home/socket.js'
import { makeTemporary } from '../make/temporary.js'

test('the socket lies in the home', async t => {
  const home = await makeTemporary(t)
  t.is(await claimSocket(home), join(home, 'backer.sock'))
  t.is(await findSocket(home), join(home, 'backer.sock'))
})

test('G1: a home with a long path has its socket in a short private directory', async t => {
  const home = join(await makeTemporary(t), 'a'.repeat(120))
  const socket = await claimSocket(home)
  t.teardown(() => releaseSocket(home), { order: -1 })
  t.ok(Buffer.byteLength(socket) < 104)
  t.is(await findSocket(home), socket)
  t.is((await stat(dirname(socket))).mode & 0o777, 0o700)
})

test('what a process left that was killed is removed by the next', async t => {
  const home = join(await makeTemporary(t), 'a'.repeat(120))
  const left = await claimSocket(home)
  await writeFile(left, '')
  const next = await claimSocket(home)
  t.not(next, left)
  await t.exception(stat(dirname(left)))
  await releaseSocket(home)
  await t.exception(stat(dirname(next)))
  t.alike(await readdir(home), [])
})
