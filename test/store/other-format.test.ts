import { readFile, writeFile } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { openHome } from '../../lib/home/home.js'
import { FORMAT } from '../../lib/store/layout.js'
import { readNote, sealOf, writeNote } from '../../lib/store/note.js'
import { Batch } from '../../lib/store/rows.js'
import { openTables } from '../../lib/store/tables.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'
import { readTree, writeTree } from '../make/tree.js'

for (const format of [FORMAT - 1, FORMAT + 1]) {
  test(`F34: after another version of backer (its index has format ${format}) was installed the folder goes on: nothing changes, and both versions stay of what differs`, async t => {
    const directory = await makeDirectory(t)
    await writeTree(directory, { same: 'same', 'dir/other': 'other', edited: 'before' })
    const a = await makeBacker(t, { directory })
    const b = await makeBacker(t, { key: a.key })
    const cut = connect(a, b)
    await until('all is found', () => a.status().files === 3)
    await untilSame([a, b])
    const [before, id] = [await readTree(b.directory), a.id]
    await a.close()
    cut()
    await writeFormat(directory, id, format)

    const again = await makeBacker(t, { directory })
    t.ok(
      readdirSync(join(directory, '.backer')).some(name => name.startsWith('index.damaged-')),
      'it was set aside'
    )
    const cutAgain = connect(again, b)
    await untilSame([again, b])
    t.alike(await readTree(b.directory), before)
    t.alike(await readTree(directory), before, 'without a conflict')
    await again.close()
    cutAgain()
    await writeFormat(directory, id, format)

    await writeFile(join(b.directory, 'edited'), 'there')
    await writeFile(join(directory, 'edited'), 'here')
    const last = await makeBacker(t, { directory })
    connect(last, b)
    await untilSame([last, b])
    await until('both stand there', () => readdirSync(directory).filter(name => name.startsWith('edited')).length === 2)
    await untilSame([last, b])
    t.alike(await readTree(b.directory), await readTree(directory))
    const names = readdirSync(directory).filter(name => name.startsWith('edited'))
    const texts = await Promise.all(names.map(name => readFile(join(directory, name), 'utf8')))
    t.alike(texts.sort(), ['here', 'there'])
  })
}

/** Makes the index of a device that has ended one of another format, as whole and as well known as it was. */
async function writeFormat(directory: string, folderId: string, format: number): Promise<void> {
  const index = join(directory, '.backer/index')
  const tables = openTables(index, { readOnly: false })
  const batch = new Batch()
  batch.put(tables.meta, Buffer.from('format'), Buffer.from(String(format)))
  await batch.write(tables.state)
  await tables.env.close()
  const noteFile = openHome(join(directory, '.backer/home')).indexNoteFile(folderId)
  const note = await readNote(noteFile)
  if (note?.seal === undefined) throw new Error('the index was not closed well')
  await writeNote(noteFile, { ...note, seal: await sealOf(join(index, 'data.mdb')) })
}
