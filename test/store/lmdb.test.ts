import { join } from 'node:path'
import { realRuntime } from '../../lib/real-runtime.js'
import { openIndex } from '../../lib/store/open-index.js'
import { testStore } from '../conformance/store.js'
import { makeTemporary } from '../make/temporary.js'

testStore('the index in LMDB', async t => {
  const directory = await makeTemporary(t)
  const { random, trace } = realRuntime()
  return {
    open: () =>
      openIndex({
        directory: join(directory, 'index'),
        noteFile: join(directory, 'home', 'note'),
        owner: 'device',
        random,
        trace
      })
  }
})
