import { createReadStream } from 'node:fs'
import { mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { execPath, platform } from 'node:process'
import { BackerError } from '../../core/error.js'
import { SCHEMA } from '../../daemon/document.js'
import { LOG_NAME } from '../../daemon/log-level.js'
import { readIfThere, replacePrivateFile, systemCode } from '../../home/private-file.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { count } from '../options.js'
import { managerFor, runCommand, type Command, type Manager } from '../service/manager.js'
import type { ServiceJob } from '../service/unit.js'
import { catchStop, pause } from '../signals.js'
import { endRunning } from '../stop-running.js'
import { SERVICE_VARIABLES } from '../variables.js'

const LINES = 50
const LOOK_MS = 500
/** How much of the log's end is looked at for its last lines. */
const TAIL_BYTES = 1024 * 1024

export const declare: Declare = (program, act) => {
  const service = program.command('service').description('has the system start backer by itself')
  service
    .command('install')
    .description('makes backer a service of yours, and starts it')
    .option('--dry-run', 'only shows the file that would be written, and what would be run')
    .action(({ dryRun }: { readonly dryRun?: boolean }) => act(context => install(context, dryRun === true)))
  service
    .command('uninstall')
    .description('ends the service and removes it; folders and files stay')
    .action(() => act(uninstall))
  service
    .command('status', { isDefault: true })
    .description('says whether there is a service, and whether it runs')
    .action(() => act(status))
  service
    .command('logs')
    .description('shows the end of the log of the backer that runs in the background')
    .option('-f, --follow', 'goes on showing it until Ctrl-C')
    .option('-n, --lines <N>', 'how many lines', count, LINES)
    .action((options: { readonly follow?: boolean; readonly lines: number }) => act(context => logs(context, options)))
}

/** `backer service install`: writes the file, ends what runs in the background, and has the system start it. What fails half-way leaves no file. Throws UNSUPPORTED. */
async function install(context: Context, isDry: boolean): Promise<ExitCode> {
  const { printer, process, config } = context
  const manager = managerFor(platform, process.env, config.home)
  const text = manager.text(jobOf(context, manager.name))
  const plan = { file: manager.file, commands: manager.install.map(words => words.join(' ')) }
  if (isDry) {
    if (printer.json) printer.document({ schema: SCHEMA, ...plan, text, dryRun: true })
    else printer.result(`# ${plan.file}`, ...text.trimEnd().split('\n'), ...plan.commands.map(line => `# ${line}`))
    return EXIT.done
  }
  const before = await readIfThere(manager.file)
  await mkdir(dirname(manager.file), { recursive: true })
  await replacePrivateFile(manager.file, text)
  try {
    await endRunning(config.home)
    for (const command of manager.install) await demand(command, context)
  } catch (error) {
    if (before === undefined) await rm(manager.file, { force: true })
    else await replacePrivateFile(manager.file, before)
    throw error
  }
  if (printer.json) printer.document({ schema: SCHEMA, ...plan })
  else printer.note(`backer is a service now: ${manager.file}`, manager.hint, 'To undo it: backer service uninstall')
  return EXIT.done
}

/** `backer service uninstall`. Done as well where there is none. */
async function uninstall(context: Context): Promise<ExitCode> {
  const { printer, process, config } = context
  const manager = managerFor(platform, process.env, config.home)
  const isThere = (await readIfThere(manager.file)) !== undefined
  if (isThere) {
    // A service that the system does not know, or that has ended, is as good as ended.
    for (const command of manager.uninstall.before) await runCommand(command, process.env)
    await rm(manager.file)
    for (const command of manager.uninstall.after) await runCommand(command, process.env)
  }
  if (printer.json) printer.document({ schema: SCHEMA, file: manager.file, removed: isThere })
  else printer.note(isThere ? `${manager.file} is gone; folders and files stay.` : 'There was no service.')
  return EXIT.done
}

/** `backer service status`: ends with 0 where the service runs, with 5 where it does not. */
async function status(context: Context): Promise<ExitCode> {
  const { printer, process, config } = context
  const manager = managerFor(platform, process.env, config.home)
  const installed = (await readIfThere(manager.file)) !== undefined
  const running = installed && (await runCommand(manager.isRunning, process.env)).code === 0
  if (printer.json) printer.document({ schema: SCHEMA, name: manager.name, file: manager.file, installed, running })
  else if (!installed) printer.result('not installed: backer service install')
  else printer.result(`${running ? 'runs' : 'DOES NOT RUN'}  ${manager.name}  ${manager.file}`)
  return running ? EXIT.done : EXIT.notRunning
}

/** `backer service logs`: the log's last lines, as they were written. Throws NO_PATH where nothing was ever written. */
async function logs({ printer, config }: Context, options: { follow?: boolean; lines: number }): Promise<ExitCode> {
  const file = join(config.home, LOG_NAME)
  const end = await sizeOf(file)
  if (end === undefined) throw new BackerError('NO_PATH', `there is no log yet: ${file}`, { path: file })
  const tail = await readLines(file, Math.max(0, end - TAIL_BYTES), end)
  printer.result(...(options.lines === 0 ? [] : tail.lines.slice(-options.lines)))
  if (options.follow !== true) return EXIT.done
  const stop = catchStop()
  let from = tail.next
  while (!stop.signal.aborted) {
    await pause(LOOK_MS, stop.signal)
    const size = (await sizeOf(file)) ?? 0
    // It was put aside, and begun anew.
    if (size < from) from = 0
    const more = await readLines(file, from, size)
    printer.result(...more.lines)
    from = more.next
  }
  stop.release()
  return EXIT.done
}

/** The whole lines between two places of a file, and where the next one begins. */
async function readLines(file: string, from: number, to: number): Promise<{ lines: readonly string[]; next: number }> {
  if (to <= from) return { lines: [], next: from }
  const pieces: Buffer[] = []
  for await (const piece of createReadStream(file, { start: from, end: to - 1 })) pieces.push(piece as Buffer)
  const bytes = Buffer.concat(pieces)
  const end = bytes.lastIndexOf(0x0a) + 1
  const text = bytes.subarray(0, end).toString('utf8')
  return { lines: text === '' ? [] : text.trimEnd().split('\n'), next: from + end }
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Throws USAGE for a program that may be gone tomorrow. */
function jobOf({ process, config }: Context, name: Manager['name']): ServiceJob {
  const [, program = ''] = process.argv
  if (program.split(sep).includes('_npx'))
    throw new BackerError('USAGE', 'npx keeps this backer in a cache that it empties', {
      path: program,
      hint: 'Install it first: npm install -g backer, then: backer service install'
    })
  const variables = SERVICE_VARIABLES.flatMap(variable => {
    const value = variable === 'BACKER_HOME' ? config.home : process.env[variable]
    return value === undefined || value === '' ? [] : [[variable, value] as const]
  })
  return {
    name,
    command: [execPath, program, '--quiet', 'daemon', '--foreground'],
    variables: Object.fromEntries(variables),
    output: join(config.home, 'daemon.log')
  }
}

async function demand(command: Command, { process }: Context): Promise<void> {
  const { code, said } = await runCommand(command, process.env)
  if (code === 0) return
  throw new BackerError('UNSUPPORTED', `${command.join(' ')} failed: ${said === '' ? `exit code ${code}` : said}`, {
    hint: 'Nothing was changed. backer service install --dry-run shows what would be done.'
  })
}
