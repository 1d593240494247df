import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { backer, type BackerOptions } from '../../lib/index.js'
import { makeBacker, makeDirectory, until, type Scope } from '../make/backers.js'

/** A folder of a home outside of it, closed again: its disk can go. */
async function makeKnown(
  t: Scope
): Promise<{ readonly directory: string; readonly home: string; readonly key: string }> {
  const root = await makeDirectory(t)
  const [directory, home] = [join(root, 'disk'), join(root, 'home')]
  const first = await makeBacker(t, { directory, home, createDirectory: true })
  await writeFile(join(directory, 'file'), 'content')
  await until('scanned', () => first.status().idle && first.status().files === 1)
  const { key } = first
  await first.close()
  return { directory, home, key }
}

async function codeOfOpening(directory: string, options: BackerOptions): Promise<unknown> {
  const opening = backer(directory, options)
  try {
    await opening.ready()
    return 'opened'
  } catch (error) {
    return (error as { code?: unknown }).code
  } finally {
    await opening.close()
  }
}

test('S12: in the empty mount point of a folder that is known nothing is made, whoever opens it', async t => {
  const { directory, home, key } = await makeKnown(t)
  await rename(directory, `${directory}-unmounted`)
  for (const createDirectory of [true, false])
    t.is(await codeOfOpening(directory, { home, key, createDirectory }), 'NOT_A_DIRECTORY', 'nor is the mount point')
  await mkdir(directory)
  for (const options of [{ home }, { home, key }, { home, key, createDirectory: true }])
    t.is(await codeOfOpening(directory, options), 'MARKER')
  t.alike(await readdir(directory), [])
  await rm(directory, { recursive: true })
  await rename(`${directory}-unmounted`, directory)
  const again = await makeBacker(t, { directory, home })
  t.is(again.key, key, 'and when the disk is back the folder goes on')
  await until('scanned', () => again.status().idle && again.status().files === 1)
})

test('a marker that was deleted is made anew where the user says so', async t => {
  const { directory, home, key } = await makeKnown(t)
  await rm(join(directory, '.backer'), { recursive: true })
  t.is(await codeOfOpening(directory, { home }), 'MARKER')
  const again = await makeBacker(t, { directory, home, makeMarker: true })
  t.is(again.key, key, 'it is the same folder')
  await until('scanned', () => again.status().idle && again.status().files === 1)
})
