import { join } from 'node:path'
import { isBackerError } from '../../lib/core/error.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { openIndex } from '../../lib/store/open-index.js'
import { commitRecords } from '../make/entry.js'
import { fileRecord, path } from '../make/record.js'

// Commits to the index in the directory that it is given, a batch at a time, until it can't go on; says after each commit how many there are. A process of
// its own, to be killed at any time, or to be run where files can't grow.
const [directory = '', batchText = '5'] = process.argv.slice(2)
const batch = Number(batchText)
const { random, trace } = realRuntime()

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

try {
  const store = await openIndex({
    directory: join(directory, 'index'),
    noteFile: join(directory, 'note'),
    owner: 'device',
    random,
    trace
  })
  store.onfailure = error => say({ told: error.code })
  let count = [...store.below(undefined)].length
  say({ committed: count })
  try {
    for (;;) {
      const names = Array.from({ length: batch }, (_, i) => path(`d${count}/${i}`))
      await commitRecords(store, new Map(names.map(name => [name, fileRecord(name)])))
      count += batch
      say({ committed: count })
    }
  } finally {
    say({ held: [...store.below(undefined)].length })
    await store.close()
  }
} catch (error) {
  say(isBackerError(error) ? { code: error.code, message: error.message } : { code: String(error) })
}
