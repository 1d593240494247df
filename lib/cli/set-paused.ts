import { SCHEMA } from '../daemon/document.js'
import type { Context } from './context.js'
import { EXIT, type ExitCode } from './exit.js'
import { selectFolder } from './select.js'
import { wake } from './start.js'

/** `backer pause` and `backer resume`. Throws NO_FOLDER, USAGE where several folders could be meant, and what opening a folder throws. */
export async function setPaused(
  context: Context,
  { choice, all, paused }: { readonly choice: string | undefined; readonly all: boolean; readonly paused: boolean }
): Promise<ExitCode> {
  const { client, printer, process } = context
  await wake(context)
  const { folders } = await client.status()
  const chosen = all ? folders : [await selectFolder(folders, choice, process.cwd())]
  const changed = []
  for (const { id } of chosen) changed.push(await client.change(id, { paused }))
  if (printer.json)
    printer.document({ schema: SCHEMA, folders: changed.map(({ id, path, name }) => ({ id, path, name, paused })) })
  else
    for (const { name } of changed)
      printer.note(paused ? `${name} is paused. backer resume  lets it go on.` : `${name} goes on.`)
  return EXIT.done
}
