import { mkdir, realpath, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import test from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import { formatKey } from '../../lib/core/model/key-text.js'
import { createWriteKey } from '../../lib/core/model/keys.js'
import { chooseDirectory } from '../../lib/cli/default-directory.js'
import { sortJoinWords } from '../../lib/cli/key-input.js'
import { selectFolder, selectFolders } from '../../lib/cli/select.js'
import { makeTemporary } from '../make/temporary.js'

const KEY = formatKey(createWriteKey(new Uint8Array(32).fill(7)))

test('a single word after join is a key or a directory', async t => {
  const cwd = await makeTemporary(t)
  await mkdir(join(cwd, 'backer-rooms'))
  const keys = [
    KEY,
    KEY.toUpperCase(),
    '-',
    'backer-rw-short',
    'backer-xx-abcdef',
    KEY.slice('backer-'.length),
    KEY.replace('backer', 'bakcer')
  ]
  for (const word of keys) t.alike(await sortJoinWords([word], cwd), { key: word })
  const directories = [
    '.',
    '..',
    'Docs',
    '/srv/data',
    `./${KEY}`,
    'backer-rooms',
    '~',
    'a name with spaces that is quite long, and no key'
  ]
  for (const word of directories) t.alike(await sortJoinWords([word], cwd), { directory: word })
  t.alike(await sortJoinWords([], cwd), {})
  t.alike(await sortJoinWords(['Docs', KEY], cwd), { key: 'Docs', directory: KEY })
})

test('without a directory the current one is meant, but never all of the user’s files', t => {
  t.is(chooseDirectory(undefined, '/srv/data'), '/srv/data')
  t.is(chooseDirectory('docs', '/srv/data'), '/srv/data/docs')
  for (const cwd of [homedir(), '/']) {
    t.is(chooseDirectory('.', cwd), cwd)
    let code = ''
    try {
      chooseDirectory(undefined, cwd)
    } catch (error) {
      code = isBackerError(error) ? error.code : ''
    }
    t.is(code, 'USAGE')
  }
})

test('a folder is chosen by its path, its name, the start of its id, or the current directory', async t => {
  const root = await realpath(await makeTemporary(t))
  const folders = [
    { id: 'abc1', name: 'Photos', path: join(root, 'photos') },
    { id: 'abd2', name: 'Work', path: join(root, 'work') },
    { id: 'xyz3', name: 'Work', path: join(root, 'work', 'inner') }
  ]
  await mkdir(join(root, 'work', 'inner', 'deep'), { recursive: true })
  await symlink(join(root, 'work'), join(root, 'link'))
  const chosen = async (choice: string | undefined, cwd = root): Promise<string> =>
    selectFolder(folders, choice, cwd).then(
      folder => folder.id,
      (error: unknown) => (isBackerError(error) ? error.code : String(error))
    )
  t.is(await chosen('Photos'), 'abc1')
  t.is(await chosen('abc'), 'abc1')
  t.is(await chosen('ab'), 'USAGE', 'two ids begin so')
  t.is(await chosen('Work'), 'USAGE', 'two have that name')
  t.is(await chosen('work'), 'abd2', 'a path wins over a name')
  t.is(await chosen('link'), 'abd2')
  t.is(await chosen('work/inner/deep'), 'xyz3', 'the innermost folder round a path')
  t.is(await chosen(undefined, join(root, 'work', 'inner', 'deep')), 'xyz3')
  t.is(await chosen(undefined), 'USAGE')
  t.is(await chosen('nothing'), 'NO_FOLDER')
  t.is((await selectFolders(folders, undefined, root)).length, 3)
  t.is((await selectFolders([], undefined, root)).length, 0)
})
