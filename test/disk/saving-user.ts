import { readFileSync } from 'node:fs'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'

/**
 * A user's program, run as a process of its own: saves a file atomically again and again, each time with a new text. It
 * saves by exchange, so that it knows exactly what each save has replaced. Prints, at the end, one JSON object: the texts it
 * saved, those it replaced itself, and what it read that was no whole text.
 */
function main(directory: string, name: string, saves: number): void {
  const fs = openFileSystem()
  const root = fs.openRoot(directory)
  const saved: string[] = []
  const replaced: string[] = []
  const torn: string[] = []
  for (let i = 0; i < saves; i++) {
    const text = `user: save ${i} `.padEnd(4096, '.')
    const file = fs.create(root, '.saving')
    fs.write(file, Buffer.from(text), 0)
    fs.close(file)
    fs.exchange(root, '.saving', root, name)
    saved.push(text)
    replaced.push(readFileSync(`${directory}/.saving`, 'utf8'))
    fs.unlink(root, '.saving')
    const read = readWhole(`${directory}/${name}`)
    if (!/^(user: save|installed) \d+ \.+$/.test(read) || read.length !== 4096) torn.push(read)
  }
  process.stdout.write(JSON.stringify({ saved, replaced, torn }))
}

function readWhole(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    return String(error)
  }
}

const [, , directory = '', name = '', saves = '0'] = process.argv
main(directory, name, Number(saves))
