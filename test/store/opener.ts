import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { encodeEntry } from '../../lib/store/layout.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { openIndex } from '../../lib/store/open-index.js'

// Opens each index whose directory comes on a line of standard input, and answers with what it found: a process of its own, since a damaged index may end it.
const { random, trace } = realRuntime()
process.stdin.setEncoding('utf8')
let rest = ''
for await (const text of process.stdin) {
  const lines = (rest + String(text)).split('\n')
  rest = lines.pop() ?? ''
  for (const line of lines) process.stdout.write(`${JSON.stringify(await look(line))}\n`)
}

async function look(directory: string): Promise<{ fresh: boolean; replica: string; sum: string }> {
  const store = await openIndex({
    directory: join(directory, 'index'),
    noteFile: join(directory, 'note'),
    owner: 'device',
    random,
    trace
  })
  const hash = createHash('sha256').update(store.root)
  for (const [path, entry] of store.below(undefined)) hash.update(path).update(encodeEntry(entry))
  await store.close()
  return { fresh: store.fresh, replica: store.replica, sum: hash.digest('hex') }
}
