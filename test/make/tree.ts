import { lstat, mkdir, readdir, readFile, readlink, symlink, utimes, writeFile, chmod } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What a test says of a directory: a string is a file, null an empty directory, an object with `link` a symlink. */
export type Tree = Readonly<
  Record<
    string,
    | string
    | Uint8Array
    | null
    | { readonly link: string }
    | { readonly bytes: string | Uint8Array; readonly mode?: number; readonly mtime?: Date }
  >
>

/** Makes files, directories and symlinks below `root`. */
export async function writeTree(root: string, tree: Tree): Promise<void> {
  for (const [path, what] of Object.entries(tree)) {
    const full = join(root, path)
    if (what === null) {
      await mkdir(full, { recursive: true })
      continue
    }
    await mkdir(dirname(full), { recursive: true })
    if (typeof what === 'string' || what instanceof Uint8Array) await writeFile(full, what)
    else if ('link' in what) await symlink(what.link, full)
    else {
      await writeFile(full, what.bytes)
      if (what.mode !== undefined) await chmod(full, what.mode)
      if (what.mtime !== undefined) await utimes(full, what.mtime, what.mtime)
    }
  }
}

/**
 * All that a directory shows, one line an item: kind, mode, mtime (milliseconds; not of directories) and content or target. Leaves
 * out what is called `without` at the root.
 */
export async function readTree(
  root: string,
  options: { readonly metadata?: boolean; readonly without?: string } = {}
): Promise<string[]> {
  const lines: string[] = []
  const walk = async (directory: string): Promise<void> => {
    for (const name of (await readdir(join(root, directory))).sort()) {
      const path = directory === '' ? name : `${directory}/${name}`
      if (path === (options.without ?? '.backer')) continue
      const stat = await lstat(join(root, path))
      const mode = options.metadata === false ? '' : ` ${(stat.mode & 0o777).toString(8)}`
      const mtime = options.metadata === false ? '' : ` ${Math.floor(stat.mtimeMs)}`
      if (stat.isDirectory()) {
        lines.push(`directory ${path}${mode}`)
        await walk(path)
      } else if (stat.isSymbolicLink()) lines.push(`symlink ${path} -> ${await readlink(join(root, path))}`)
      else if (stat.isFile())
        lines.push(
          `file ${path}${mode}${mtime} ${(await readFile(join(root, path))).toString('base64').slice(0, 200)} ${stat.size}`
        )
      else lines.push(`special ${path}`)
    }
  }
  await walk('')
  return lines
}
