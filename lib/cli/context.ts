import { readConfig, type Config } from '../daemon/config.js'
import { Client } from './client.js'
import { Printer } from './printer.js'

/** What a process hands to the command line: node's `process` fits. */
export interface CliProcess {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  cwd(): string
}

/** The options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly progress?: boolean
}

/** What a command works with. */
export interface Context {
  readonly process: CliProcess
  readonly printer: Printer
  readonly config: Config
  readonly client: Client
}

/** Throws USAGE where the environment is off. */
export function makeContext(process: CliProcess, printer: Printer): Context {
  const debug = isDebug(process.env)
  const trace = debug ? (line: string): void => printer.note(line) : undefined
  const config: Config = { ...readConfig(process.env), trace }
  return { process, printer, config, client: new Client(config.home) }
}

export function makePrinter({ stdout, stderr, env }: CliProcess, options: GlobalOptions): Printer {
  return new Printer({
    stdout,
    stderr,
    json: options.json === true,
    quiet: options.quiet === true,
    progress: options.progress !== false,
    debug: isDebug(env)
  })
}

function isDebug(env: CliProcess['env']): boolean {
  return env['BACKER_DEBUG'] === '1'
}
