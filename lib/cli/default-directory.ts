import { homedir } from 'node:os'
import { parse, resolve } from 'node:path'
import { BackerError } from '../core/error.js'

/** The directory that is meant: the one named, or the current one. Throws USAGE where that would be all of a user's files, or all of the machine's. */
export function chooseDirectory(named: string | undefined, cwd: string): string {
  if (named !== undefined) return resolve(cwd, named)
  if (cwd === homedir() || cwd === parse(cwd).root) {
    throw new BackerError('USAGE', `say which directory: all of ${cwd} is more than you want to sync`, {
      hint: 'Name it, like backer share ~/Documents. To really mean all of it, write "."'
    })
  }
  return cwd
}
