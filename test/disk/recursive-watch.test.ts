import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { RecursiveWatch } from '../../lib/disk/recursive-watch.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { emptyDirectory } from './make-folder.js'

test('one watch hears of everything below it, but for what is not synced', async t => {
  const directory = emptyDirectory(t)
  mkdirSync(join(directory, 'a/b'), { recursive: true })
  mkdirSync(join(directory, '.backer'))
  const heard = new Set<string>()
  const last = new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error(`heard only of ${[...heard].join(', ')}`)), 10_000)
    const watch = new RecursiveWatch(
      directory,
      {
        onPaths(paths) {
          for (const path of paths) heard.add(path)
          if (!heard.has('a/b/last')) return
          clearTimeout(deadline)
          resolve()
        },
        onDirectories: () => undefined,
        onLimited: message => reject(new Error(message)),
        ignores: path => path.endsWith('.ignored')
      },
      realRuntime()
    )
    t.teardown(() => watch.close(), { order: -1 })
    watch.add([undefined])
  })
  for (const name of ['.backer/marker', 'a/x.ignored', 'a/first', 'a/b/last']) writeFileSync(join(directory, name), '')
  await last
  t.ok(heard.has('a/first'))
  t.absent([...heard].some(path => path.startsWith('.backer') || path.endsWith('.ignored')))
})
