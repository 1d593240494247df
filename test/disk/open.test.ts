import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import { checkDirectory, makeDirectory, openDisk } from '../../lib/disk/open.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { makeTemporary } from '../make/temporary.js'
import { codeThrownBy } from '../make/thrown.js'
import { asNobody } from './as-nobody.js'

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return isBackerError(error) ? error.code : String(error)
  }
}

const runtime = realRuntime()

test('a new directory becomes a folder, and is known again', async t => {
  const root = await makeTemporary(t)
  t.is(await checkDirectory(root), undefined)
  t.alike(readdirSync(root), [], 'checking changes nothing')
  const disk = openDisk({ root, folderId: 'id', runtime, isKnown: false })
  t.is(disk.traits.hasSymlinks, true)
  t.is(await disk.checkMarker(), true)
  await disk.close()
  t.is(await checkDirectory(root), 'id')
  const again = openDisk({ root, folderId: 'id', runtime, isKnown: true })
  t.is(await again.checkMarker(), true)
  await again.close()
})

test('what is no directory is refused', async t => {
  const root = await makeTemporary(t)
  writeFileSync(join(root, 'file'), '')
  symlinkSync('nowhere', join(root, 'dangling'))
  for (const name of ['none', 'file', 'dangling', 'file/below'])
    t.is(await codeOf(checkDirectory(join(root, name))), 'NOT_A_DIRECTORY', name)
  t.is(await codeOf(makeDirectory(join(root, 'file/below'))), 'NOT_A_DIRECTORY')
  t.alike(readdirSync(root).sort(), ['dangling', 'file'])
})

test('a symlink to a directory is that directory', async t => {
  const root = await makeTemporary(t)
  mkdirSync(join(root, 'real'))
  symlinkSync('real', join(root, 'link'))
  const disk = openDisk({ root: join(root, 'link'), folderId: 'id', runtime, isKnown: false })
  await disk.close()
  t.is(await checkDirectory(join(root, 'real')), 'id')
})

test('a directory that this user may not write is refused, and stays as it is', async t => {
  const root = await makeTemporary(t)
  mkdirSync(join(root, 'closed'))
  chmodSync(root, 0o755)
  const code = await asNobody(
    root,
    `const { checkDirectory, makeDirectory } = await load('open.js')
     const code = promise => promise.then(() => 'none', error => error.code)
     return [await code(checkDirectory(directory + '/closed')), await code(makeDirectory(directory + '/closed/new'))]`
  )
  if (code === undefined) {
    t.comment('needs root, to become another user')
    return
  }
  t.alike(code, ['NOT_WRITABLE', 'NOT_WRITABLE'])
  t.alike(readdirSync(join(root, 'closed')), [])
})

test('a directory in a folder is refused, and not made', async t => {
  const root = await makeTemporary(t)
  await openDisk({ root, folderId: 'id', runtime, isKnown: false }).close()
  mkdirSync(join(root, 'a/b'), { recursive: true })
  t.is(await codeOf(checkDirectory(join(root, 'a/b'))), 'NESTED')
  t.is(await codeOf(makeDirectory(join(root, 'a/c/d'))), 'NESTED')
  t.absent(existsSync(join(root, 'a/c')))
})

test('a marker that is gone is never made anew, and that of another folder is kept', async t => {
  const root = await makeTemporary(t)
  await openDisk({ root, folderId: 'id', runtime, isKnown: false }).close()
  t.is(
    codeThrownBy(() => openDisk({ root, folderId: 'other', runtime, isKnown: true })),
    'MARKER'
  )
  t.is(await checkDirectory(root), 'id')
  rmSync(join(root, '.backer'), { recursive: true })
  t.is(
    codeThrownBy(() => openDisk({ root, folderId: 'id', runtime, isKnown: true })),
    'MARKER'
  )
  t.absent(existsSync(join(root, '.backer')))
})
