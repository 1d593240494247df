import { resolve } from 'node:path'
import { BackerError } from '../core/error.js'
import { isWithin, realPath } from '../daemon/directory.js'

/** What a folder is chosen by. */
export interface Selectable {
  readonly id: string
  readonly path: string
  readonly name: string
}

/**
 * The folders that `choice` means: a path in or at one, a name, or a unique prefix of an id. Without a choice the one round the current
 * directory, or else all. Throws NO_FOLDER where it means none, USAGE where it could mean several.
 */
export async function selectFolders<F extends Selectable>(
  folders: readonly F[],
  choice: string | undefined,
  cwd: string
): Promise<readonly F[]> {
  if (choice === undefined) {
    const here = innermost(folders, await realPath(cwd))
    return here === undefined ? folders : [here]
  }
  const path = await realPath(resolve(cwd, choice))
  const exact = folders.find(folder => folder.path === path || folder.id === choice)
  if (exact !== undefined) return [exact]
  const named = folders.filter(folder => folder.name === choice)
  const matches = named.length > 0 ? named : folders.filter(folder => folder.id.startsWith(choice))
  const first = matches[0] ?? innermost(folders, path)
  if (first === undefined) throw noFolder(folders, choice)
  if (matches.length > 1) throw ambiguous(matches, `"${choice}" could be any of these folders`)
  return [first]
}

/** The one folder that `choice` means. Throws as `selectFolders` does, and USAGE where there are several and no choice. */
export async function selectFolder<F extends Selectable>(
  folders: readonly F[],
  choice: string | undefined,
  cwd: string
): Promise<F> {
  const [first, ...more] = await selectFolders(folders, choice, cwd)
  if (first === undefined) throw noFolder(folders, choice)
  if (more.length > 0) throw ambiguous(folders, 'say which folder is meant')
  return first
}

function innermost<F extends Selectable>(folders: readonly F[], path: string): F | undefined {
  return folders
    .filter(folder => isWithin(path, folder.path))
    .sort((a, b) => b.path.length - a.path.length)
    .at(0)
}

function noFolder(folders: readonly Selectable[], choice: string | undefined): BackerError {
  const message = choice === undefined ? 'there is no folder yet' : `there is no folder "${choice}"`
  const hint = folders.length === 0 ? 'Make one with backer share DIR, or backer join DIR.' : listOf(folders)
  return new BackerError('NO_FOLDER', message, { hint })
}

function ambiguous(folders: readonly Selectable[], message: string): BackerError {
  return new BackerError('USAGE', message, { hint: listOf(folders) })
}

function listOf(folders: readonly Selectable[]): string {
  return `Folders: ${folders.map(folder => `${folder.name} (${folder.path})`).join(', ')}`
}
