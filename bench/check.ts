import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { join } from 'node:path'

/** What programs keep for themselves in a directory's root. */
const OWN = ['.backer', '.stfolder']

const BUFFER = Buffer.alloc(1024 * 1024)

/** True for what a program keeps for itself. */
export function isOwn(name: string): boolean {
  return OWN.includes(name)
}

/**
 * The first way in which two directories differ, or undefined. Shares no code with backer: paths, kinds, modes, mtimes and SHA-256 are compared.
 * `timeStepNs`: how exactly times have to be the same.
 */
export function differenceOf(a: string, b: string, timeStepNs: bigint): string | undefined {
  const [left, right] = [describe(a, timeStepNs), describe(b, timeStepNs)]
  for (const [path, line] of left)
    if (right.get(path) !== line) return `${path}: ${line} / ${right.get(path) ?? 'missing'}`
  for (const path of right.keys()) if (!left.has(path)) return `${path}: too much`
  return undefined
}

function describe(root: string, timeStepNs: bigint): Map<string, string> {
  const found = new Map<string, string>()
  const walk = (directory: string): void => {
    for (const name of readdirSync(join(root, directory))) {
      const path = join(directory, name)
      if (isOwn(path)) continue
      const stat = lstatSync(join(root, path), { bigint: true })
      if (stat.isDirectory()) {
        found.set(path, `directory ${stat.mode}`)
        walk(path)
      } else if (stat.isSymbolicLink()) found.set(path, `symlink ${readlinkSync(join(root, path))}`)
      else found.set(path, `file ${stat.mode} ${stat.mtimeNs / timeStepNs} ${hashFile(join(root, path))}`)
    }
  }
  walk('')
  return found
}

function hashFile(path: string): string {
  const hash = createHash('sha256')
  const file = openSync(path, 'r')
  try {
    for (let read = readSync(file, BUFFER); read > 0; read = readSync(file, BUFFER))
      hash.update(BUFFER.subarray(0, read))
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}
