import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Makes `count` small files in directories of `perDirectory` each. */
export function makeSmallFiles(root: string, count: number, perDirectory: number): void {
  for (let i = 0; i < count; i++) {
    const directory = join(root, `directory ${Math.floor(i / perDirectory)}`)
    if (i % perDirectory === 0) mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `file ${i}`), `content of file ${i}\n`)
  }
}
