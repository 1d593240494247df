import type { DaemonEvent } from '../daemon/document.js'
import { exitCodeOf } from './exit.js'
import { formatBytes, formatNumberOf } from './format.js'
import type { Printer } from './printer.js'

const DAMAGE: Readonly<Record<(DaemonEvent & { readonly type: 'verify' })['event'], string>> = {
  progress: '',
  done: '',
  damaged: 'what lies on the disk is not what was written there',
  mended: 'it has its content back',
  unmended: 'it stays damaged for now'
}
const ROUTES = { lan: 'on the local network', direct: 'direct', relay: 'through a relay', stream: 'stream' } as const

/** Tells what happens in a folder while a command runs: sentences for people, or lines of JSON. */
export class EventPrinter {
  readonly #printer: Printer
  #lastInSync = ''

  constructor(printer: Printer) {
    this.#printer = printer
  }

  print(event: DaemonEvent): void {
    if (event.type === 'folder' || event.type === 'removed') return
    if (event.type === 'progress') this.#printer.progress(event)
    if (this.#printer.json) this.#printer.document(lineOf(event))
    else if (event.type === 'insync') this.#inSync(event)
    else this.#printer.note(...sentences(event))
  }

  /** Said once for each state of the folder, not after every small edit. */
  #inSync(event: DaemonEvent & { readonly type: 'insync' }): void {
    this.#printer.hideProgress()
    const { files, bytes, peers } = event
    const sentence = `In sync with ${formatNumberOf(peers, 'device')}: ${formatNumberOf(files, 'file')}, ${formatBytes(bytes)}.`
    if (sentence !== this.#lastInSync) this.#printer.note(sentence)
    this.#lastInSync = sentence
  }
}

function lineOf(event: DaemonEvent): object {
  return event.type === 'error' ? { ...event, code: exitCodeOf(event.name) } : event
}

function sentences(event: DaemonEvent): readonly string[] {
  switch (event.type) {
    case 'peer':
      return event.event === 'connected'
        ? [`Connected to ${event.peer.name} (${ROUTES[event.peer.route]}).`]
        : [`Disconnected from ${event.peer.name}${event.reason === undefined ? '' : `: ${event.reason}`}.`]
    case 'item':
      return event.action === 'conflict'
        ? [`Conflict: both versions of ${event.path} are kept; the other one is ${event.copy}.`]
        : []
    case 'problem':
      return [`Problem: ${event.path === undefined ? '' : `${event.path}: `}${event.message}`]
    case 'error':
      return [`Stopped: ${event.message}`, ...(event.hint === undefined ? [] : [`  ${event.hint}`])]
    case 'verify':
      return event.path === undefined ? [] : [`Verify: ${event.path}: ${DAMAGE[event.event]}`]
    case 'progress':
    case 'insync':
    case 'folder':
    case 'removed':
      return []
  }
}
