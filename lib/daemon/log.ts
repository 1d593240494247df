import { pino, type Logger } from 'pino'
import type { DaemonEvent } from './document.js'
import type { LogLevel } from './log-level.js'
import { LogFile } from './log-file.js'

export type Log = Logger

/** Fields that hold a secret, wherever they stand. */
const SECRET_FIELDS = ['key', 'token', 'seed', 'secret', 'secretKey', 'authorization', 'cookie', 'page'] as const
const HIDDEN = '[hidden]'
/** A folder's key in a text: its kind may be seen. */
const KEY_IN_TEXT = /\b(backer-(?:rw|ro|st)-)[a-z0-9]{8,}/gi
/** The page's token in an address. */
const TOKEN_IN_TEXT = /(#token=)[\w-]+/g

/** `text` without the folder keys and tokens that stand in it. */
export function hideSecrets(text: string): string {
  return text.replace(KEY_IN_TEXT, `$1${HIDDEN}`).replace(TOKEN_IN_TEXT, `$1${HIDDEN}`)
}

/** A log of JSON lines in `file`, for people and programs: no line of it has a secret, whoever wrote it. The one who opens it closes it. */
export function openLog(file: string, level: LogLevel): { readonly log: Log; readonly close: () => void } {
  const target = new LogFile(file)
  const redact = { paths: SECRET_FIELDS.flatMap(name => [name, `*.${name}`]), censor: HIDDEN }
  const options = { level, redact, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }
  const log = pino(options, { write: (line: string) => target.write(hideSecrets(line)) })
  return { log, close: () => target.close() }
}

/** Writes down what happens in the folders, as far as somebody may ask for it later. */
export function logEvent(log: Log, event: DaemonEvent): void {
  const { folder } = event
  switch (event.type) {
    case 'error':
      return log.error({ folder, code: event.name }, event.message)
    case 'problem': {
      const { code, path, peer, message } = event
      return log.warn({ folder, code, path, peer }, message)
    }
    case 'peer':
      return log.info(
        { folder, device: event.peer.device, route: event.peer.route, reason: event.reason },
        `${event.event}: ${event.peer.name}`
      )
    case 'removed':
      return log.info({ folder }, 'the folder was left')
    case 'item':
      return log.debug({ folder, path: event.path, action: event.action }, 'changed')
    case 'insync':
      return log.debug({ folder, peers: event.peers, files: event.files }, 'in sync')
    case 'verify':
      return log.info({ ...event, type: undefined, time: undefined }, `verify: ${event.event}`)
    case 'progress':
    case 'folder':
      return
  }
}
