import { BackerError, isBackerError } from '../../core/error.js'
import { SCHEMA, type SettingsDocument } from '../../daemon/document.js'
import { changeSettings, readSettings, settingsDocument, settingKind, settingsFile } from '../../daemon/settings.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatTable } from '../format.js'
import { placesOf } from '../places.js'
import { VARIABLES } from '../variables.js'

export const declare: Declare = (program, act) => {
  const config = program.command('config').description("shows and changes this device's settings")
  config
    .command('get', { isDefault: true })
    .description('prints a setting, or all of them')
    .argument('[NAME]', 'such as alarm-days')
    .action((name: string | undefined) => act(context => get(context, name)))
  config
    .command('set')
    .description('sets a value, or takes it back')
    .argument('<NAME>', 'such as alarm-days, or hook.conflict')
    .argument('[VALUE]', 'the value')
    .option('--unset', 'back to what holds by itself')
    .action((name: string, value: string | undefined, { unset }: { readonly unset?: boolean }) =>
      act(context => set(context, name, unset === true ? { unset, value } : { value }))
    )
  config
    .command('path')
    .description('prints where backer keeps what, and the variables that matter')
    .action(() => act(path))
}

/** `backer config get [NAME]`. Throws NO_PATH where there is no such setting. */
async function get({ config, printer, process }: Context, name: string | undefined): Promise<ExitCode> {
  const settings = await readSettings(config.home)
  if (name !== undefined) settingKind(name)
  const shown = settingsDocument(settings).settings.filter(setting => name === undefined || setting.name === name)
  if (printer.json) printer.document({ schema: SCHEMA, settings: shown })
  else if (name !== undefined) printer.result(shown[0]?.value ?? shown[0]?.fallback ?? '')
  else {
    printer.result(
      ...formatTable(
        shown.map(one => [
          one.name,
          one.value ?? `(${one.fallback})`,
          ...(isOverruled(one, process.env) ? [`overruled by ${one.variable ?? ''}`] : [])
        ])
      )
    )
  }
  return EXIT.done
}

function isOverruled({ variable }: SettingsDocument['settings'][number], env: Context['process']['env']): boolean {
  return variable !== undefined && (env[variable] ?? '') !== ''
}

/** `backer config set NAME VALUE`: by the process that runs, so that it holds at once where it can, or else in the file. Throws USAGE and NO_PATH. */
async function set(
  { client, config, printer }: Context,
  name: string,
  { unset, value }: { readonly unset?: boolean; readonly value: string | undefined }
): Promise<ExitCode> {
  const kind = settingKind(name)
  if ((value === undefined) !== (unset === true)) throw new BackerError('USAGE', 'say a value, or --unset')
  const changes = { [name]: value ?? null }
  let isRunning = true
  try {
    await client.changeSettings(changes)
  } catch (error) {
    if (!isBackerError(error, 'NOT_RUNNING')) throw error
    isRunning = false
    await changeSettings(config.home, changes)
  }
  if (printer.json) printer.document({ schema: SCHEMA, name, value: value ?? null, live: kind.isLive === true })
  else if (isRunning && kind.isLive !== true)
    printer.note('It holds from the next start on: backer stop, then any command.')
  return EXIT.done
}

/** `backer config path`. */
function path({ config, printer, process }: Context): ExitCode {
  const places = { ...placesOf(config.home), settings: settingsFile(config.home) }
  const variables = VARIABLES.map(name => [name, process.env[name] ?? ''] as const)
  if (printer.json) {
    printer.document({ schema: SCHEMA, ...places, variables: Object.fromEntries(variables) })
    return EXIT.done
  }
  printer.result(
    ...formatTable(Object.entries(places)),
    '',
    ...formatTable(variables.map(([name, value]) => [name, value === '' ? '(not set)' : value]))
  )
  return EXIT.done
}
