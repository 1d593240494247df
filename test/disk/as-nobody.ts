import { execFile } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { promisify } from 'node:util'

const NOBODY = 65534
const BASE = new URL('../../lib/disk/', import.meta.url).href

/**
 * Runs `script`, the body of an async function, as a user who owns nothing, in the folder at `directory`. It has `fs`, `root` and `load`, which
 * imports a module of lib/disk. Resolves with what the script returns, as JSON tells it; undefined where this process may not become another user.
 */
export async function asNobody(directory: string, script: string): Promise<unknown> {
  if (process.getuid?.() !== 0) return undefined
  chmodSync(directory, 0o755)
  const program = `
    process.setgid(${NOBODY})
    process.setuid(${NOBODY})
    const directory = ${JSON.stringify(directory)}
    const { fs, root } = opened
    const answer = await (async () => { ${script} })()
    console.log(JSON.stringify(answer))
    process.exit()`
  // Modules are loaded first: the other user may not be allowed to read them.
  const source = `
    const load = name => import(${JSON.stringify(BASE)} + name)
    await Promise.all(['list.js', 'hash.js', 'open.js'].map(load))
    const { openFileSystem } = await load('open-filesystem.js')
    const fs0 = openFileSystem()
    const opened = { fs: fs0, root: fs0.openRoot(${JSON.stringify(directory)}) }
    ${program}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source])
  return JSON.parse(stdout)
}
