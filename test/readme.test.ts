import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'brittle'
import { COMMANDS } from '../lib/cli/commands.js'
import { makeTemporary } from './make/temporary.js'

test("the README's programs run as they stand", { timeout: 60_000 }, async t => {
  const readme = await readFile('README.md', 'utf8')
  const programs = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(match => match[1] ?? '')
  t.is(programs.length, 1)
  const library = new URL('../lib/index.js', import.meta.url).href
  for (const program of programs) {
    const directory = await makeTemporary(t)
    await writeFile(join(directory, 'program.mjs'), program.replace("from 'backer'", `from '${library}'`))
    const child = spawn(process.execPath, ['program.mjs'], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'), { order: -1 })
    const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
    t.is(output, 'hello\n')
    t.is(child.exitCode, 0)
  }
})

test('every command that the documentation names is one', async t => {
  const pages = await Promise.all(
    ['README.md', 'docs/operations.md', 'docs/errors.md'].map(page => readFile(page, 'utf8'))
  )
  const used = pages.flatMap(page => [...page.matchAll(/(?:npx |`)backer ([a-z-]+)/g)].map(match => match[1] ?? ''))
  const defined = COMMANDS.flatMap(({ names }) => names)
  t.ok(used.length > 10)
  t.alike(
    used.filter(command => command !== 'help' && !defined.includes(command)),
    []
  )
})
