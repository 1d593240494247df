import { BackerError } from '../core/error.js'
import type { FolderDocument } from '../daemon/document.js'
import { EXIT, type ExitCode } from './exit.js'
import { formatBytes, formatNumberOf } from './format.js'
import type { Printer } from './printer.js'
import { pause } from './signals.js'

const LOOK_MS = 50
/** How long all must be at rest until what is left of the differences is taken for problems and not for work. */
const SETTLED_MS = 3000
/** How long nothing may move while a peer is connected. */
const STALLED_MS = 10 * 60_000

export interface OnceOptions {
  /** The truth about the folder now. */
  readonly look: () => Promise<FolderDocument>
  /** How long no peer may be connected; 0: for ever. */
  readonly findPeerMs: number
  readonly signal: AbortSignal
}

/**
 * Resolves once a connected peer holds the same as this device: with 0, 3 where some items have problems, 8 where deletes are held, or 12 where the disk is too full; 130 where `signal` aborts.
 * Throws NO_PEER where none is found in time, TIMEOUT where nothing moves any more, and what stopped the folder.
 */
export async function syncOnce(printer: Printer, { look, findPeerMs, signal }: OnceOptions): Promise<ExitCode> {
  let met = Date.now()
  let moved = { at: Date.now(), as: '' }
  let names = ''
  while (!signal.aborted) {
    const folder = await look()
    const now = Date.now()
    if (folder.error !== undefined)
      throw new BackerError(folder.error.code, folder.error.message, hintOf(folder.error.hint))
    if (folder.peers.length > 0) {
      met = now
      names = folder.peers.map(peer => peer.name).join(', ')
    }
    const state = fingerprint(folder)
    if (state !== moved.as) moved = { at: now, as: state }
    if (isDone(folder, now - moved.at)) return summarize(printer, folder)
    if (findPeerMs > 0 && now - met > findPeerMs) throw nobody(findPeerMs, names)
    if (folder.scanned && folder.peers.length > 0 && now - moved.at > STALLED_MS)
      throw new BackerError('TIMEOUT', `nothing has moved for ${STALLED_MS / 60_000} minutes`)
    await pause(LOOK_MS, signal)
  }
  return EXIT.interrupted
}

/** In sync with somebody; or at rest for a while with nothing left but items that have problems. */
function isDone(folder: FolderDocument, restingMs: number): boolean {
  if (!folder.idle || !folder.scanned || folder.peers.length === 0) return false
  return folder.peers.some(peer => peer.inSync) || (folder.problemCount > 0 && restingMs > SETTLED_MS)
}

/** What moves while there is work. Not the state: an item that is tried again every few seconds makes it flicker. */
function fingerprint({ root, problemCount, progress, peers }: FolderDocument): string {
  const links = peers.map(peer => [peer.device, peer.inSync, peer.bytesSent, peer.bytesReceived])
  return JSON.stringify([root, problemCount, progress.bytesDone, progress.filesDone, links])
}

function summarize(printer: Printer, folder: FolderDocument): ExitCode {
  const { id, name, path, files, bytes, problemCount, problems, peers, heldDeletes } = folder
  const bytesReceived = peers.reduce((sum, peer) => sum + peer.bytesReceived, 0)
  const bytesSent = peers.reduce((sum, peer) => sum + peer.bytesSent, 0)
  if (printer.json) {
    printer.document({ type: 'summary', folder: id, name, path, files, bytes, bytesReceived, bytesSent, problemCount })
  } else {
    const traffic = `${formatBytes(bytesReceived)} received, ${formatBytes(bytesSent)} sent`
    printer.note(`${name} is in sync: ${formatNumberOf(files, 'file')}, ${formatBytes(bytes)}; ${traffic}.`)
    if (problemCount > 0) printer.note(`${formatNumberOf(problemCount, 'item')} could not be synced:`)
    printer.note(...problems.map(({ path: item, message }) => `  ${item === undefined ? '' : `${item}: `}${message}`))
  }
  if (heldDeletes !== undefined) return EXIT.held
  if (problems.some(({ code }) => code === 'DISK_FLOOR')) return EXIT.diskFloor
  return problemCount > 0 ? EXIT.incomplete : EXIT.done
}

function nobody(findPeerMs: number, names: string): BackerError {
  const seconds = Math.round(findPeerMs / 1000)
  const message =
    names === ''
      ? `no other device of this folder could be reached within ${seconds} s`
      : `${names} left before all was in sync, and nobody came back within ${seconds} s`
  return new BackerError('NO_PEER', message, {
    hint: 'Is backer running on the other computer? Run this again to go on where it stopped.'
  })
}

function hintOf(hint: string | undefined): { hint?: string } {
  return hint === undefined ? {} : { hint }
}
