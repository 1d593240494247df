/**
 * Every code that backer's errors carry. `docs/errors.md` has a section for each.
 */
export type ErrorCode =
  | 'MALFORMED' // bytes that are not what they claim to be
  | 'LIMIT' // something is larger or more than is allowed
  | 'BAD_PATH' // a path that no folder may contain
  | 'KEY_TYPO' // a key's text fails its checksum
  | 'KEY_KIND' // a key of a kind that is not known, or that may not do this
  | 'KEY_LENGTH' // a key's text is too short or too long
  | 'KEY_ALPHABET' // a key's text has a letter that no key has
  | 'KEY_MISSING' // no key was given where one is needed
  | 'TREE_CORRUPT' // a tree node that is not in canonical form, or is missing
  | 'STORE_CORRUPT' // the index can't be read
  | 'STORE_CLOSED' // used after close
  | 'ROLLED_BACK' // the whole device was put back to an earlier state
  | 'CLONED' // the same device key is in use on two machines
  | 'FORGED' // a signature or proof that does not hold
  | 'PEER_MISBEHAVED' // a peer broke the protocol
  | 'PEER_GONE' // the connection ended
  | 'VERSION' // the peer speaks another version of the protocol
  | 'UNAVAILABLE' // the peer does not have what was asked for
  | 'TIMEOUT' // a deadline passed
  | 'NOT_A_DIRECTORY' // the folder's root is missing or something else
  | 'NOT_WRITABLE' // the folder's root can't be written
  | 'NESTED' // the folder lies in or round another one
  | 'MARKER' // the folder's marker is gone or belongs to another folder
  | 'LOCKED' // another process has this folder or home open
  | 'FILE_CHANGED' // a file changed while it was read
  | 'FILE_SYSTEM' // the file system refused
  | 'UNSUPPORTED' // this kind of file, or this system, is not supported
  | 'DISK_FLOOR' // the disk is so full that changes of others wait
  | 'NO_FOLDER' // no such folder
  | 'NO_PATH' // no such path in the folder
  | 'NO_VERSION' // no such version is kept
  | 'BUSY' // what was decided about has changed since: look again
  | 'FORBIDDEN' // the request does not come from where it may
  | 'THROTTLED' // too many wrong passwords were tried
  | 'NO_PEER' // no other device of the folder could be reached
  | 'RELAYED' // much goes through a relay
  | 'UNSEEN' // a device has not been seen for long
  | 'NOT_RUNNING' // no process of this home runs
  | 'HELD' // deletes wait for somebody's word
  | 'USAGE' // the command's words are off
  | 'CLOSED' // used after close
  | 'INTERNAL' // a mistake of backer itself

/** What an error is about, beside its sentence. */
export interface ErrorDetails {
  /** The folder-relative or absolute path it is about. */
  readonly path?: string
  /** The device id (hex) of the peer it is about. */
  readonly peer?: string
  /** What to do next: a sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

/** The one class of error that backer throws. `message` is a sentence for people; `code` is stable. */
export class BackerError extends Error {
  readonly code: ErrorCode
  readonly path: string | undefined
  readonly peer: string | undefined
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'BackerError'
    this.code = code
    this.path = details.path
    this.peer = details.peer
    this.hint = details.hint
  }
}

/** True for a BackerError, of the given code if one is given. */
export function isBackerError(error: unknown, code?: ErrorCode): error is BackerError {
  return error instanceof BackerError && (code === undefined || error.code === code)
}

/** Whatever was thrown, as a BackerError; `code`: of what is none yet. */
export function asBackerError(error: unknown, code: ErrorCode): BackerError {
  return error instanceof BackerError ? error : new BackerError(code, messageOf(error), { cause: error })
}

/** The sentence of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
