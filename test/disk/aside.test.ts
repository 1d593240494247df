import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { hashBytes } from '../../lib/core/model/hash.js'
import { openAside } from '../../lib/disk/aside.js'
import { emptyDirectory, pathOf } from './make-folder.js'

test('what is restored to another place has its holes, and its length', async t => {
  const directory = emptyDirectory(t)
  const parts = [Buffer.from('begin'), Buffer.alloc(3_000_000), Buffer.from('middle'), Buffer.alloc(4_000_000)]
  const bytes = Buffer.concat(parts)
  const aside = await openAside(directory)
  const content = { height: 0, root: hashBytes(bytes) }
  const payload = { kind: 'file', size: bytes.byteLength, mtimeNs: 10n ** 18n, mode: 0o640, content } as const
  await aside.write({ path: pathOf('file'), payload }, inParts(parts))
  await aside.finish()
  const file = join(directory, 'file')
  t.ok(Buffer.compare(readFileSync(file), bytes) === 0)
  t.ok(statSync(file).blocks * 512 <= 512 * 1024, `${statSync(file).blocks} blocks`)
  t.is(statSync(file).mode & 0o777, 0o640)
})

async function* inParts(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(part)
}
