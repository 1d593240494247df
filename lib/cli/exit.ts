import type { ErrorCode } from '../core/error.js'

/** What the process ends with. `docs/errors.md` and every command's help say the same. */
export const EXIT = {
  done: 0,
  error: 1,
  usage: 2,
  incomplete: 3,
  timeout: 4,
  notRunning: 5,
  noPeer: 6,
  notFound: 7,
  held: 8,
  badKey: 10,
  notPermitted: 11,
  diskFloor: 12,
  version: 13,
  interrupted: 130
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const EXIT_OF: Readonly<Record<ErrorCode, ExitCode>> = {
  MALFORMED: EXIT.error,
  LIMIT: EXIT.error,
  BAD_PATH: EXIT.usage,
  KEY_TYPO: EXIT.badKey,
  KEY_KIND: EXIT.badKey,
  KEY_LENGTH: EXIT.badKey,
  KEY_ALPHABET: EXIT.badKey,
  KEY_MISSING: EXIT.badKey,
  TREE_CORRUPT: EXIT.error,
  STORE_CORRUPT: EXIT.error,
  STORE_CLOSED: EXIT.error,
  ROLLED_BACK: EXIT.error,
  CLONED: EXIT.error,
  FORGED: EXIT.error,
  PEER_MISBEHAVED: EXIT.error,
  PEER_GONE: EXIT.noPeer,
  VERSION: EXIT.version,
  UNAVAILABLE: EXIT.error,
  TIMEOUT: EXIT.timeout,
  NOT_A_DIRECTORY: EXIT.error,
  NOT_WRITABLE: EXIT.error,
  NESTED: EXIT.error,
  MARKER: EXIT.error,
  LOCKED: EXIT.error,
  FILE_CHANGED: EXIT.error,
  FILE_SYSTEM: EXIT.error,
  UNSUPPORTED: EXIT.error,
  DISK_FLOOR: EXIT.diskFloor,
  NO_FOLDER: EXIT.notFound,
  NO_PATH: EXIT.notFound,
  BUSY: EXIT.error,
  FORBIDDEN: EXIT.notPermitted,
  THROTTLED: EXIT.notPermitted,
  NO_PEER: EXIT.noPeer,
  RELAYED: EXIT.error,
  UNSEEN: EXIT.error,
  NOT_RUNNING: EXIT.notRunning,
  HELD: EXIT.held,
  NO_VERSION: EXIT.notFound,
  USAGE: EXIT.usage,
  CLOSED: EXIT.error,
  INTERNAL: EXIT.error
}

/** What a command ends with when it fails with `code`. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  return EXIT_OF[code]
}

/** True for the name of an error that this version knows. */
export function isErrorCode(name: unknown): name is ErrorCode {
  return typeof name === 'string' && Object.hasOwn(EXIT_OF, name)
}

/** The last lines of every help. */
export const EXIT_HELP = `
Exit codes: 0 done, 1 error, 2 usage, 3 some items skipped or failed, 4 timed out, 5 not running,
6 no peer reachable, 7 no such folder, path or version, 8 held until you decide, 10 bad key, 11 not permitted,
12 disk full, 13 incompatible version, 130 interrupted.
`
