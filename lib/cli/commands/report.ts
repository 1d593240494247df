import { open, readdir, stat } from 'node:fs/promises'
import { cpus, freemem, release, totalmem, uptime } from 'node:os'
import { join, resolve } from 'node:path'
import { arch, execArgv, platform, version as nodeVersion } from 'node:process'
import { BackerError, isBackerError } from '../../core/error.js'
import { SCHEMA } from '../../daemon/document.js'
import { LOG_NAME } from '../../daemon/log-level.js'
import { noticesOf } from '../../daemon/notices.js'
import { readSettings, settingKind } from '../../daemon/settings.js'
import { readVersion } from '../../daemon/version.js'
import { openHome } from '../../home/home.js'
import { systemCode } from '../../home/private-file.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { examineMachine } from '../machine.js'
import { placesOf } from '../places.js'
import { secretsOf, withoutSecrets } from '../secrets.js'
import { VARIABLES } from '../variables.js'
import { examineNetwork } from './doctor.js'

/** How much of the end of each log. */
const LOG_BYTES = 512 * 1024
const STDOUT = '-'

export const declare: Declare = (program, act) => {
  program
    .command('report')
    .description('writes a file with all that helps to find out what is wrong, without keys and tokens')
    .option('--output <FILE>', 'where to; "-": to stdout; default: backer-report-TIME.json in the current directory')
    .action(({ output }: { readonly output?: string }) => act(context => report(context, output)))
}

/** `backer report`: never replaces a file. Throws FILE_SYSTEM where there is one already, INTERNAL rather than write a secret. */
async function report(context: Context, output: string | undefined): Promise<ExitCode> {
  const { printer, config, process } = context
  const secrets = await secretsOf(openHome(config.home), [process.env['BACKER_KEY']])
  const document = await gather(context)
  if (output === STDOUT) {
    printer.document(JSON.parse(withoutSecrets(JSON.stringify(document), secrets)) as object)
    return EXIT.done
  }
  const text = withoutSecrets(`${JSON.stringify(document, undefined, 2)}\n`, secrets)
  const file = resolve(process.cwd(), output ?? `backer-report-${document.time.replace(/[:.]/g, '')}.json`)
  await writeNew(file, text)
  if (printer.json) printer.document({ schema: SCHEMA, file, bytes: Buffer.byteLength(text) })
  else {
    printer.result(file)
    printer.note('It has no keys. It does have names of folders and devices, addresses, and paths of items that make')
    printer.note('trouble: look it through before you pass it on.')
  }
  return EXIT.done
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o600)
    try {
      await handle.writeFile(text)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    throw new BackerError('FILE_SYSTEM', `${file} is there already`, {
      path: file,
      hint: 'Choose another: --output FILE'
    })
  }
}

async function gather(context: Context): Promise<{ readonly time: string } & Readonly<Record<string, unknown>>> {
  const { client, config, process } = context
  const folders = await openHome(config.home).folders()
  const [status, network] = await Promise.all([
    whileRunning(() => client.status()),
    whileRunning(() => client.network())
  ])
  return {
    schema: SCHEMA,
    time: new Date().toISOString(),
    backer: { version: readVersion(), node: nodeVersion, options: execArgv },
    machine: machineOf(),
    variables: Object.fromEntries(
      VARIABLES.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
    ),
    settings: await settingsOf(config.home),
    places: placesOf(config.home),
    files: await filesOf(config.home),
    notices: await noticesOf(config.home),
    folders: folders.map(({ key, ...folder }) => ({ ...folder, access: key.slice(0, 'backer-rw'.length) })),
    findings: [...(await examineNetwork(context)), ...(await examineMachine(folders, Date.now()))],
    // The address of the page has what unlocks it.
    status: status === undefined ? 'backer does not run' : { ...status, page: undefined },
    network,
    logs: Object.fromEntries(
      await Promise.all([LOG_NAME, 'daemon.log'].map(async name => [name, await endOf(join(config.home, name))]))
    )
  }
}

function machineOf(): object {
  const processors = cpus()
  return {
    platform,
    arch,
    release: release(),
    processors: processors.length,
    model: processors[0]?.model,
    memoryBytes: totalmem(),
    freeBytes: freemem(),
    uptimeSeconds: Math.round(uptime())
  }
}

/** What a hook runs may have a password in it: only that there is one is told. */
async function settingsOf(home: string): Promise<object> {
  const entries = Object.entries(await readSettings(home))
  return Object.fromEntries(entries.map(([name, value]) => [name, isShown(name) ? value : '[hidden]']))
}

/** A setting that this version does not know may be anything. */
function isShown(name: string): boolean {
  try {
    return settingKind(name).runsCommands !== true
  } catch (error) {
    if (isBackerError(error)) return false
    throw error
  }
}

async function filesOf(home: string): Promise<readonly object[]> {
  const names = (await readdir(home)).sort()
  return Promise.all(
    names.map(async name => {
      const { size, mode, mtime } = await stat(join(home, name))
      return { name, size, mode: (mode & 0o7777).toString(8), time: mtime.toISOString() }
    })
  )
}

/** The last lines of a file; none where it is missing. */
async function endOf(file: string): Promise<readonly string[]> {
  try {
    const handle = await open(file, 'r')
    try {
      const { size } = await handle.stat()
      const buffer = Buffer.alloc(Math.min(size, LOG_BYTES))
      await handle.read(buffer, 0, buffer.byteLength, size - buffer.byteLength)
      const lines = buffer.toString('utf8').trimEnd().split('\n')
      return size > LOG_BYTES ? lines.slice(1) : lines
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

async function whileRunning<T>(question: () => Promise<T>): Promise<T | undefined> {
  try {
    return await question()
  } catch (error) {
    if (isBackerError(error, 'NOT_RUNNING')) return undefined
    throw error
  }
}
