import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { hashBytes, hashKey } from '../../lib/core/model/hash.js'
import { FreshNews, ReceivedNews } from '../../lib/folder/news.js'
import { NEWS_BYTES, NEWS_FILES, NEWS_NODES } from '../../protocol/limits.js'
import { makeDevices, makeDirectory, until, untilSame } from '../make/backers.js'
import { readTree } from '../make/tree.js'

const bytesOf = (text: string): Buffer => Buffer.from(text)
const nodesOf = (...texts: readonly string[]): Map<string, Uint8Array> =>
  new Map(texts.map(text => [hashKey(hashBytes(bytesOf(text))), bytesOf(text)]))

test('a lone small change comes along with the head: nobody is asked for it', async t => {
  const [a, b] = await makeDevices(t, 2)
  if (a === undefined || b === undefined) throw new Error('no devices')
  await writeFile(join(a.directory, 'first'), 'first')
  await until('it came', () => b.status().files === 1)
  await untilSame([a, b])
  const before = [...b.chunksReceived().values()]
  // Whole at once: what is seen half-written makes two changes, the second of which may come before the first has been followed.
  const outside = join(await makeDirectory(t), 'file')
  for (const content of ['one', 'two', '']) {
    await writeFile(outside, content)
    await rename(outside, join(a.directory, 'file'))
    await until('it came', async () => (await readFile(join(b.directory, 'file'), 'utf8')) === content)
    await untilSame([a, b])
  }
  t.alike(await readTree(b.directory), await readTree(a.directory))
  t.alike([...b.chunksReceived().values()], before)
  await writeFile(join(a.directory, 'large'), Buffer.alloc(40_000, 'x'))
  await until('it is seen', () => a.status().files === 3)
  await untilSame([a, b])
  t.alike(await readTree(b.directory), await readTree(a.directory))
  t.unlike([...b.chunksReceived().values()], before, 'what is too large is asked for')
})

test('what was changed here is told once', t => {
  const news = new FreshNews()
  t.is(news.take(), undefined)
  news.note({ nodes: nodesOf('node', 'other'), files: [bytesOf('file')] })
  news.note({ nodes: nodesOf('node'), files: [] })
  t.alike(news.take(), { nodes: [bytesOf('node'), bytesOf('other')], files: [bytesOf('file')] })
  t.is(news.take(), undefined)
})

test('what is too much, or was not changed here, is not told, and what comes next is', t => {
  const large = Buffer.alloc(NEWS_BYTES)
  const many = Array.from({ length: NEWS_NODES + 1 }, (_, i) => `node ${i}`)
  const files = Array.from({ length: NEWS_FILES + 1 }, (_, i) => bytesOf(`file ${i}`))
  for (const spoil of [
    (news: FreshNews) => news.note({ nodes: nodesOf('node'), files: [large] }),
    (news: FreshNews) => news.note({ nodes: nodesOf(...many), files: [] }),
    (news: FreshNews) => news.note({ nodes: nodesOf('node'), files }),
    (news: FreshNews) => news.note({ nodes: nodesOf('node'), files: undefined })
  ]) {
    const news = new FreshNews()
    news.note({ nodes: nodesOf('before'), files: [] })
    spoil(news)
    news.note({ nodes: nodesOf('behind'), files: [] })
    t.is(news.take(), undefined)
    news.note({ nodes: nodesOf('next'), files: [] })
    t.alike(news.take(), { nodes: [bytesOf('next')], files: [] })
  }
})

test('what a peer sent is known by its own hash alone, until there is something newer', t => {
  const news = new ReceivedNews()
  const [node, other] = [bytesOf('node'), bytesOf('other')].map(hashBytes)
  const file = hashBytes(bytesOf('file'))
  if (node === undefined || other === undefined) throw new Error('no hashes')
  news.take({ nodes: [bytesOf('node')], files: [bytesOf('file')] })
  t.alike([...news.nodes([other, node])], [[hashKey(node), bytesOf('node')]])
  t.alike(news.file(file), bytesOf('file'))
  t.is(news.file(node), undefined)
  news.take({ nodes: [], files: [] })
  t.is(news.nodes([node]).size, 0)
  t.is(news.file(file), undefined)
})
