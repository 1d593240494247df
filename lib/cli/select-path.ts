import { relative, resolve, sep } from 'node:path'
import { BackerError } from '../core/error.js'
import { isWithin, realPath } from '../daemon/directory.js'
import type { Selectable } from './select.js'

/**
 * The folders' items that `words` name: paths as the shell has them, which need not exist any more. Throws NO_FOLDER where one lies in no
 * folder, USAGE where they lie in several.
 */
export async function selectPaths<F extends Selectable>(
  folders: readonly F[],
  words: readonly string[],
  cwd: string
): Promise<{ readonly folder: F; readonly paths: readonly string[] }> {
  const here = await realPath(cwd)
  let folder: F | undefined
  const paths: string[] = []
  for (const word of words) {
    const path = resolve(here, word)
    const found = folders
      .filter(one => isWithin(path, one.path))
      .sort((a, b) => b.path.length - a.path.length)
      .at(0)
    if (found === undefined) throw new BackerError('NO_FOLDER', `${path} lies in no folder`, { path })
    if (folder !== undefined && found !== folder)
      throw new BackerError('USAGE', 'these paths lie in different folders', { hint: 'Take one folder at a time.' })
    folder = found
    paths.push(relative(found.path, path).split(sep).join('/'))
  }
  if (folder === undefined) throw new BackerError('USAGE', 'which path?')
  return { folder, paths }
}
