import { BackerError } from '../../core/error.js'
import { isRole, ROLES, type Role } from '../../core/model/role.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { FOLDER } from '../options.js'
import { selectFolder } from '../select.js'
import { wake } from '../start.js'

export const declare: Declare = (program, act) => {
  program
    .command('role')
    .description('says or sets what this device does in a folder')
    .argument('[FOLDER]', FOLDER)
    .argument('[ROLE]', `${ROLES.join(', ')}: see docs/operations.md`)
    .action((folder: string | undefined, word: string | undefined) => act(context => role(context, folder, word)))
}

/** `backer role [FOLDER] [ROLE]`; a single word that names a role is one. Throws USAGE, NO_FOLDER, and KEY_KIND where the key does not allow it. */
async function role(context: Context, first: string | undefined, second: string | undefined): Promise<ExitCode> {
  const { client, printer, process } = context
  const isAlone = second === undefined && isRole(first)
  const [choice, word] = isAlone ? [undefined, first] : [first, second]
  await wake(context)
  const { folders } = await client.status()
  const { id } = await selectFolder(folders, choice, process.cwd())
  const folder = word === undefined ? await client.folder(id) : await client.setRole(id, roleIn(word))
  const { name, role: does = 'mirror' } = folder
  if (printer.json) printer.document({ schema: 1, id, name, role: does })
  else printer.result(`${name}: ${does}`)
  return EXIT.done
}

function roleIn(word: string): Role {
  if (isRole(word)) return word
  throw new BackerError('USAGE', `"${word}" is no role`, { hint: `Roles: ${ROLES.join(', ')}.` })
}
