import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import { formatKey } from '../../lib/core/model/key-text.js'
import { createWriteKey, folderId } from '../../lib/core/model/keys.js'
import { openHome, type FolderToSave } from '../../lib/home/home.js'
import { makeTemporary } from '../make/temporary.js'

test('a home that does not exist has no folders, and looking makes nothing', async t => {
  const directory = join(await makeTemporary(t), 'home')
  t.alike(await openHome(directory).folders(), [])
  t.is(await openHome(directory).folderKey('/nowhere'), undefined)
  t.alike(await readdir(join(directory, '..')), [])
})

test("the device's key is made once and stays", async t => {
  const directory = join(await makeTemporary(t), 'home')
  const made = await openHome(directory).deviceKeyPair()
  const again = await openHome(directory).deviceKeyPair()
  t.alike(again.publicKey, made.publicKey)
  t.is(made.publicKey.byteLength, 32)
})

test('two that make the key at once get the same', async t => {
  const directory = join(await makeTemporary(t), 'home')
  const pairs = await Promise.all([1, 2, 3, 4].map(() => openHome(directory).deviceKeyPair()))
  for (const pair of pairs) t.alike(pair.publicKey, pairs[0]?.publicKey)
  t.alike(await readdir(directory), ['device.key'])
})

for (const umask of [0, 0o777]) {
  test(`with umask ${umask.toString(8)} directories are 0700 and files 0600`, async t => {
    const directory = join(await makeTemporary(t), 'home')
    const before = process.umask(umask)
    t.teardown(() => process.umask(before), { order: -1 })
    const home = openHome(directory)
    await home.deviceKeyPair()
    await home.saveFolder(makeFolder(1))
    process.umask(before)
    t.is((await stat(directory)).mode & 0o777, 0o700)
    for (const name of await readdir(directory)) t.is((await stat(join(directory, name))).mode & 0o777, 0o600, name)
  })
}

test('a damaged device key is refused, whatever the damage, and never replaced', async t => {
  const directory = await makeTemporary(t)
  const file = join(directory, 'device.key')
  await openHome(directory).deviceKeyPair()
  const good = await readFile(file, 'utf8')
  const flipped = good.replace(/[0-9a-f]/g, letter => (letter === '0' ? '1' : '0'))
  for (const bad of ['', good.slice(0, 40), flipped, `${good}${good}`, 'not a key\n']) {
    await writeFile(file, bad)
    const error: unknown = await openHome(directory)
      .deviceKeyPair()
      .catch((thrown: unknown) => thrown)
    t.ok(isBackerError(error, 'MALFORMED') && error.message.includes(file), JSON.stringify(bad.slice(0, 20)))
    t.is(await readFile(file, 'utf8'), bad)
  }
})

test('a folder is found by its id and by its directory, with its key', async t => {
  const home = openHome(await makeTemporary(t))
  const folder = makeFolder(1)
  await home.saveFolder({ ...folder, name: 'Photos' })
  t.alike(await home.folder(folder.id), { ...folder, name: 'Photos' })
  t.is((await home.folder(`${folder.path}/`))?.name, 'Photos')
  const key = await home.folderKey(folder.path)
  t.is(key === undefined ? undefined : formatKey(key), folder.key)
  await home.removeFolder(folder.id)
  t.is(await home.folder(folder.id), undefined)
})

test('a folder keeps its name when it is saved again, and has its directory’s without one', async t => {
  const home = openHome(await makeTemporary(t))
  const folder = makeFolder(1)
  await home.saveFolder(folder)
  t.is((await home.folder(folder.id))?.name, 'folder-1')
  await home.saveFolder({ ...folder, name: 'Photos' })
  await home.saveFolder({ ...folder, path: '/elsewhere' })
  t.alike(await home.folders(), [{ ...folder, path: '/elsewhere', name: 'Photos' }])
})

test('folders that are saved at once are all kept', async t => {
  const directory = await makeTemporary(t)
  const folders = Array.from({ length: 12 }, (_, i) => makeFolder(i))
  await Promise.all(folders.map(folder => openHome(directory).saveFolder(folder)))
  t.is((await openHome(directory).folders()).length, folders.length)
  t.alike(await readdir(directory), ['folders.json'])
})

test('a damaged list of folders is told once, kept aside and named', async t => {
  for (const damage of ['{"schema":1,"folders":[{"id":"', '[]', '{"schema":1,"folders":[{"id":7}]}', 'null', '']) {
    const directory = await makeTemporary(t)
    const home = openHome(directory)
    await home.saveFolder(makeFolder(1))
    await writeFile(home.foldersFile, damage)
    const error: unknown = await home.folders().catch((thrown: unknown) => thrown)
    const kept = (await readdir(directory)).filter(name => name.startsWith('folders.json.damaged-'))
    t.is(kept.length, 1)
    t.ok(isBackerError(error, 'MALFORMED') && error.message.includes(kept[0] ?? 'nothing'), damage)
    t.is(await readFile(join(directory, kept[0] ?? ''), 'utf8'), damage)
    t.alike(await home.folders(), [])
  }
})

test('a list of folders that a newer backer wrote is left alone', async t => {
  const directory = await makeTemporary(t)
  const home = openHome(directory)
  await writeFile(home.foldersFile, '{"schema":2,"folders":{}}')
  await t.exception(home.folders(), /newer/)
  t.alike(await readdir(directory), ['folders.json'])
})

function makeFolder(number: number): FolderToSave {
  const key = createWriteKey(new Uint8Array(32).fill(number + 1))
  return { id: folderId(key), path: `/tmp/folder-${number}`, key: formatKey(key) }
}
