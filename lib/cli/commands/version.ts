import { readVersion } from '../../daemon/version.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import type { Declare } from '../command.js'

export const declare: Declare = (program, act) => {
  program
    .command('version')
    .description('prints the version')
    .action(() => act(version))
}

/** `backer version`. */
function version({ printer }: Context): ExitCode {
  const found = readVersion()
  if (printer.json)
    printer.document({ schema: 1, name: 'backer', version: found, node: process.version, platform: process.platform })
  else printer.result(`backer ${found}`)
  return EXIT.done
}
