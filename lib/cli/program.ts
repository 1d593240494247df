import { Command, InvalidArgumentError, Option } from 'commander'
import type { Context, GlobalOptions } from './context.js'
import { EXIT_HELP, type ExitCode } from './exit.js'
import { messageOf } from '../core/error.js'
import { parseAddress } from '../net/address.js'
import { parseRate } from '../net/rate.js'

/** Does a command's work, with what all commands share. */
export type Run = (work: (context: Context) => ExitCode | Promise<ExitCode>, options: GlobalOptions) => Promise<void>

const FOLDER = 'its path, its name or the start of its id; may be left out inside it'
/** The port on which DHT nodes are usually looked for. */
const DHT_PORT = 49737
/** The port of a relay where none is given. */
const RELAY_PORT = 49740
const FIND_PEER_SECONDS = 30
const WAIT_SECONDS = 600
/** The command that stands for none. */
const GUIDE = 'guide'
const GLOBAL_FLAGS: ReadonlySet<string> = new Set(['--json', '-q', '--quiet', '--no-progress'])

/** The words of a command line, with the command that is meant where there is none. */
export function withCommand(words: readonly string[]): readonly string[] {
  return words.every(word => GLOBAL_FLAGS.has(word)) ? [GUIDE, ...words] : words
}

/** All commands and their options. What a command does, and all that it needs, is loaded when it is called. */
export function makeProgram(run: Run): Command {
  const program = new Command('backer')
  program
    .description('Mirrors folders between your own computers: one key, no server, nothing lost.')
    .option('--json', 'documents instead of text: see docs/operations.md')
    .option('-q, --quiet', 'results and errors only')
    .option('--no-progress', 'no progress bar')
    .configureHelp({ showGlobalOptions: true })
    .helpCommand('help [COMMAND]', 'says more about a command')
    .addHelpText('after', EXIT_HELP)
  const act = (work: Parameters<Run>[0]): Promise<void> => run(work, program.opts())
  addSyncCommands(program, act)
  addQuestionCommands(program, act)
  addProcessCommands(program, act)
  addDecisionCommands(program, act)
  addHistoryCommands(program, act)
  addOtherCommands(program, act)
  for (const command of program.commands)
    command.configureHelp({ showGlobalOptions: true }).addHelpText('after', EXIT_HELP)
  return program
}

type Act = (work: Parameters<Run>[0]) => Promise<void>

function addSyncCommands(program: Command, act: Act): void {
  program
    .command('share')
    .description('makes a directory a folder, and prints the key with which other devices join it')
    .argument('[DIR]', 'the directory; default: the current one')
    .option('--name <NAME>', "what the folder is called here; default: the directory's name")
    .option('--qr', 'shows the key as a QR code too')
    .addOption(peerOption())
    .addOption(foreground())
    .action((directory: string | undefined, options: import('./commands/share.js').ShareOptions) =>
      act(async context => (await import('./commands/share.js')).share(context, directory, options))
    )

  program
    .command('join')
    .description('mirrors a folder of another device into a directory')
    .argument('[KEY]', 'its key; "-": from stdin. Other users of this computer can see it here: better leave it out')
    .argument('[DIR]', 'the directory; default: where it is already, or the current one')
    .option('--key-file <FILE>', 'reads the key from a file')
    .option('--name <NAME>', "what the folder is called here; default: the directory's name")
    .option('--once', 'ends as soon as this device and another one hold the same')
    .option(
      '--timeout <SECONDS>',
      'with --once: how long to look for another device; 0: for ever',
      seconds,
      FIND_PEER_SECONDS
    )
    .addOption(peerOption())
    .addOption(foreground())
    .action(
      (key: string | undefined, directory: string | undefined, options: import('./commands/join.js').JoinOptions) =>
        act(async context => {
          const words = [key, directory].filter(word => word !== undefined)
          return (await import('./commands/join.js')).join(context, words, options)
        })
    )
}

function addQuestionCommands(program: Command, act: Act): void {
  program
    .command('status')
    .description('shows what each folder is doing, its problems and its peers')
    .argument('[FOLDER]', FOLDER)
    .option('--watch', 'goes on showing it until Ctrl-C')
    .action((folder: string | undefined, options: import('./commands/status.js').StatusOptions) =>
      act(async context => (await import('./commands/status.js')).status(context, folder, options))
    )

  program
    .command('wait')
    .description('waits until this device and others hold the same and nothing is pending')
    .argument('[FOLDER]', FOLDER)
    .option('--peers <N>', 'how many other devices; 0: just this one, scanned and idle', count, 1)
    .option('--timeout <SECONDS>', 'gives up after that time, with exit code 4; 0: never', seconds, WAIT_SECONDS)
    .action((folder: string | undefined, options: import('./commands/wait.js').WaitOptions) =>
      act(async context => (await import('./commands/wait.js')).wait(context, folder, options))
    )

  program
    .command('peers')
    .description('lists the devices that are connected now')
    .argument('[FOLDER]', FOLDER)
    .action((folder: string | undefined) =>
      act(async context => (await import('./commands/peers.js')).peers(context, folder))
    )

  program
    .command('key')
    .description('prints a key of a folder')
    .argument('[FOLDER]', FOLDER)
    .option('--write', 'to read and change it')
    .option('--read-only', 'to read it')
    .option('--store-only', 'names the folder, and reveals nothing of it')
    .option('--qr', 'shows it as a QR code too')
    .action((folder: string | undefined, options: import('./commands/key.js').KeyOptions) =>
      act(async context => (await import('./commands/key.js')).key(context, folder, options))
    )
}

function addProcessCommands(program: Command, act: Act): void {
  program
    .command('daemon')
    .description('runs all folders in the background; other commands start it by themselves')
    .addOption(foreground())
    .action((options: import('./commands/daemon.js').DaemonOptions) =>
      act(async context => (await import('./commands/daemon.js')).daemon(context, options))
    )

  program
    .command('stop')
    .description('ends the backer that runs, and returns when all is closed')
    .action(() => act(async context => (await import('./commands/stop.js')).stop(context)))

  program
    .command('events')
    .description('prints what happens from now on, a JSON document a line, until Ctrl-C')
    .argument('[FOLDER]', `only of this folder: ${FOLDER}`)
    .action((folder: string | undefined) =>
      act(async context => (await import('./commands/events.js')).events(context, folder))
    )
}

function addHistoryCommands(program: Command, act: Act): void {
  program
    .command('revisions')
    .alias('versions')
    .description('lists the versions that are kept of a file, or of what stood in a directory')
    .argument('[PATH]', 'the file or directory; with --tidy: the folder')
    .option('--tidy', 'lets go of what is too much now, and says what the rest takes')
    .action((path: string | undefined, options: import('./commands/revisions.js').RevisionsOptions) =>
      act(async context => (await import('./commands/revisions.js')).revisions(context, path, options))
    )

  program
    .command('restore')
    .description('brings back what was replaced or deleted; what stands there now is kept as well')
    .argument('<PATH...>', 'files as they were called')
    .option('--revision <ID>', 'that version: see backer revisions PATH; default: the latest')
    .option('--at <TIME>', 'as it was then, such as 2026-01-31T18:00')
    .option('--to <DIR>', 'puts it there, and changes nothing in the folder')
    .option('--dry-run', 'only shows what would be done')
    .option('--yes', 'does not ask')
    .action((paths: string[], options: import('./commands/restore.js').RestoreOptions) =>
      act(async context => (await import('./commands/restore.js')).restore(context, paths, options))
    )
}

function addDecisionCommands(program: Command, act: Act): void {
  program
    .command('deletes')
    .description('shows deletes that are held because they are so many; "accept" or "reject" decides about them')
    .argument('[ACTION]', 'accept: they are carried out everywhere; reject: what they removed comes back everywhere')
    .argument('[FOLDER]', FOLDER)
    .option('--dry-run', 'only shows what it is about')
    .option('--yes', 'does not ask')
    .action(
      (
        action: string | undefined,
        folder: string | undefined,
        options: import('./commands/deletes.js').DeletesOptions
      ) =>
        act(async context => {
          const words = [action, folder].filter(word => word !== undefined)
          return (await import('./commands/deletes.js')).deletes(context, words, options)
        })
    )
}

function addOtherCommands(program: Command, act: Act): void {
  // Called where there is no command at all; a command that is not known is an error.
  program
    .command(GUIDE, { hidden: true })
    .action(() => act(async context => (await import('./commands/guide.js')).guide(context)))

  program
    .command('demo')
    .description('shows two devices syncing on this computer, without a network, and cleans up')
    .action(() => act(async context => (await import('./commands/demo.js')).demo(context)))

  program
    .command('dht')
    .description('runs a node of a DHT of your own: other devices find each other by it with BACKER_BOOTSTRAP')
    .option('--host <HOST>', 'the address to listen at', '0.0.0.0')
    .option('--port <PORT>', 'the port to listen at; 0: any', port, DHT_PORT)
    .action((options: import('./commands/dht.js').DhtOptions) =>
      act(async context => (await import('./commands/dht.js')).dht(context, options))
    )

  program
    .command('open')
    .description('opens the page of the running backer in a browser, and prints its address')
    .action(() => act(async context => (await import('./commands/open.js')).open(context)))

  program
    .command('doctor')
    .description('tells what works in the network, what does not, and what to do')
    .argument('[PEER]', 'a device: its name or the start of its id')
    .action((peer: string | undefined) =>
      act(async context => (await import('./commands/doctor.js')).doctor(context, peer))
    )

  program
    .command('limit')
    .description('shows or sets how many bytes a second go up and down; not within a LAN')
    .option('--up <RATE>', 'such as 512k or 2M; off: as much as there is')
    .option('--down <RATE>', 'the same, for what is fetched')
    .option('--schedule <TIMETABLE>', 'other rates from times of the day on: "08:00,512k 23:00,off"; off: none')
    .option('--lan', 'within a LAN too')
    .option('--no-lan', 'not within a LAN')
    .action((options: import('./commands/limit.js').LimitOptions) =>
      act(async context => (await import('./commands/limit.js')).limit(context, options))
    )

  program
    .command('relay')
    .description(
      'carries what devices say to each other that cannot meet directly; prints the public key that BACKER_RELAY takes'
    )
    .option('--host <HOST>', 'the address to listen at, which others can reach', '0.0.0.0')
    .option('--port <PORT>', 'the UDP port to listen at; 0: any', port, RELAY_PORT)
    .addOption(new Option('--device <ID>', 'a device to serve; may be given several times').argParser(deviceIds))
    .option('--open', 'serves anybody who knows the public key')
    .option('--max-pairs <N>', 'pairs of devices that are served at once', count, 64)
    .addOption(
      new Option('--max-rate <RATE>', 'ends the busiest pair while more is carried, such as 10M').argParser(rate)
    )
    .action((options: import('./commands/relay.js').RelayOptions) =>
      act(async context => (await import('./commands/relay.js')).relay(context, options))
    )

  program
    .command('version')
    .description('prints the version')
    .action(() => act(async context => (await import('./commands/version.js')).version(context)))
}

function peerOption(): Option {
  return new Option(
    '--peer <HOST:PORT>',
    'where another device of the folder takes TCP; may be given several times'
  ).argParser((text: string, before: readonly string[] | undefined) => {
    if (parseAddress(text) === undefined) throw new InvalidArgumentError('It is host:port, such as 192.0.2.1:49738.')
    return [...(before ?? []), text]
  })
}

function foreground(): Option {
  return new Option('--foreground', 'stays, and runs in this process until Ctrl-C')
}

function deviceIds(text: string, before: readonly string[] | undefined): readonly string[] {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('It is the id of a device: 64 hexadecimal letters.')
  return [...(before ?? []), text]
}

function rate(text: string): number | undefined {
  try {
    return parseRate(text)
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error))
  }
}

function seconds(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It is a number of seconds.')
  return Number(text)
}

function count(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('It is a number from 0 to 9999.')
  return Number(text)
}

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new InvalidArgumentError('It is a number from 0 to 65535.')
  return Number(text)
}
