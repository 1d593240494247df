import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'brittle'
import { COMMANDS } from '../../lib/cli/commands.js'
import { makeProgram } from '../../lib/cli/program.js'
import { bashScript } from '../../lib/cli/shells/bash.js'
import { fishScript } from '../../lib/cli/shells/fish.js'
import { wordsOf } from '../../lib/cli/shells/words.js'
import { zshScript } from '../../lib/cli/shells/zsh.js'
import { openHome } from '../../lib/home/home.js'
import { makeTemporary } from '../make/temporary.js'

const BIN = fileURLToPath(new URL('../../bin/backer.js', import.meta.url))
const run = promisify(execFile)

test('bash completes commands, options, what they may be set to, and the names of folders', async t => {
  const directory = await makeTemporary(t)
  const home = join(directory, 'home')
  for (const name of ['Fotos vom Meer', 'docs'])
    await openHome(home).saveFolder({ id: name, path: join(directory, name), name, key: 'secret' })
  await mkdir(join(directory, 'bin'))
  const command = `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`
  await writeFile(join(directory, 'bin', 'backer'), command, { mode: 0o755 })
  const script = join(directory, 'script')
  const PATH = `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}`
  const env = { PATH, BACKER_HOME: home }
  await writeFile(script, bashScript(wordsOf(await makeProgram([], () => Promise.resolve()))))
  const offered = async (...lines: string[][]): Promise<string[][]> => {
    const tries = lines.map(words => `words=(${words.map(word => `'${word}'`).join(' ')}); try`)
    const all = `source '${script}'; try() { COMP_WORDS=(backer "\${words[@]}"); COMP_CWORD=\${#words[@]}; _backer; echo "\${COMPREPLY[*]-}"; }; `
    const { stdout } = await run('bash', ['-c', `${all}IFS=,; ${tries.join('; ')}`], { env, cwd: directory })
    return stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split(','))
  }
  t.alike(
    await offered(['st'], ['share', '--rol'], ['share', '--role', ''], ['config', 'get', '--qu'], ['deletes', 'a']),
    [['status', 'stop'], ['--role'], ['mirror', 'append-only', 'receive-only', 'send-only'], ['--quiet'], ['accept']]
  )
  t.alike(await offered(['config', ''], ['status', 'Fo'], ['share', 'h'], ['restore', '--to', 'b']), [
    ['get', 'set', 'path'],
    ['Fotos\\ vom\\ Meer'],
    ['home'],
    ['bin']
  ])
})

test('each shell has a script with all commands in it, which it can read', async t => {
  const words = wordsOf(await makeProgram([], () => Promise.resolve()))
  const directory = await makeTemporary(t)
  for (const [shell, make] of Object.entries({ bash: bashScript, zsh: zshScript, fish: fishScript })) {
    const script = make(words)
    for (const { names } of COMMANDS)
      if (names[0] !== 'guide')
        t.ok(
          names.every(name => new RegExp(`\\b${name}\\b`).test(script)),
          `${shell}: ${names[0]}`
        )
    t.absent(/\bguide\b/.test(script), 'what is hidden stays so')
    const file = join(directory, shell)
    await writeFile(file, script)
    if (await isInstalled(shell)) await t.execution(run(shell, ['-n', file]))
  }
})

async function isInstalled(shell: string): Promise<boolean> {
  return run(shell, ['-c', 'true']).then(
    () => true,
    () => false
  )
}
