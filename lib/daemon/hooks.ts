import { spawn } from 'node:child_process'
import type { DaemonEvent } from './document.js'
import type { Log } from './log.js'
import type { HookEvent, Settings } from './settings.js'

/** Commands that run at once, and those that wait; what comes while so many wait is not run, which the log tells. */
const AT_ONCE = 4
const WAITING_MAX = 100
const DEADLINE_MS = 60_000
/** How much of what a command says is kept in the log. */
const OUTPUT_BYTES_MAX = 4096

/** What a command hears of beside the event. */
export interface HookPlace {
  readonly name: string
  readonly path: string
}

interface Job {
  readonly event: HookEvent
  readonly command: string
  readonly variables: Readonly<Record<string, string>>
  readonly input: string
}

/**
 * Runs the user's commands on events. A command is given to the shell as it was set; what it is about comes by variables and, as a JSON document, on stdin,
 * so that no file's name is ever part of a command.
 */
export class Hooks {
  readonly #log: Log
  readonly #settings: () => Settings
  readonly #waiting: Job[] = []
  readonly #running = new Set<AbortController>()
  #isClosed = false

  constructor(log: Log, settings: () => Settings) {
    this.#log = log
    this.#settings = settings
  }

  /** Something has happened in a folder. */
  tell(event: DaemonEvent, place: HookPlace): void {
    const name = hookOf(event)
    const command = name === undefined ? undefined : this.#settings()[`hook.${name}`]
    if (name === undefined || command === undefined || this.#isClosed) return
    if (this.#waiting.length >= WAITING_MAX) {
      this.#log.warn({ hook: name }, 'a hook is not run: too many wait')
      return
    }
    const variables = {
      BACKER_EVENT: name,
      BACKER_FOLDER: place.name,
      BACKER_DIRECTORY: place.path,
      ...detailsOf(event)
    }
    this.#waiting.push({ event: name, command, variables, input: `${JSON.stringify(event)}\n` })
    this.#next()
  }

  /** Ends what runs, and forgets what waits. */
  close(): void {
    this.#isClosed = true
    this.#waiting.length = 0
    for (const abort of this.#running) abort.abort()
  }

  #next(): void {
    while (this.#running.size < AT_ONCE) {
      const job = this.#waiting.shift()
      if (job === undefined) return
      const abort = new AbortController()
      this.#running.add(abort)
      void this.#run(job, abort).finally(() => {
        this.#running.delete(abort)
        this.#next()
      })
    }
  }

  #run({ event, command, variables, input }: Job, abort: AbortController): Promise<void> {
    const inherited = { ...process.env, BACKER_KEY: undefined }
    return new Promise(resolve => {
      const child = spawn(command, {
        shell: true,
        detached: true,
        env: { ...inherited, ...variables },
        stdio: ['pipe', 'pipe', 'pipe']
      })
      let said = ''
      const hear = (bytes: Buffer): void => {
        if (said.length < OUTPUT_BYTES_MAX) said += bytes.toString()
      }
      child.stdout.on('data', hear)
      child.stderr.on('data', hear)
      child.stdin.on('error', () => undefined)
      child.stdin.end(input)
      const end = (): void => killGroup(child.pid)
      const deadline = setTimeout(end, DEADLINE_MS)
      abort.signal.addEventListener('abort', end)
      const done = (code: number | string): void => {
        clearTimeout(deadline)
        const output = said.slice(0, OUTPUT_BYTES_MAX)
        if (code === 0) this.#log.debug({ hook: event, output }, 'a hook has run')
        else this.#log.warn({ hook: event, code, output }, 'a hook has failed')
        resolve()
      }
      child.once('error', error => done(error.message))
      child.once('close', (code, signal) => done(code ?? signal ?? 'lost'))
    })
  }
}

/** The hook that an event belongs to; undefined: none. */
export function hookOf(event: DaemonEvent): HookEvent | undefined {
  switch (event.type) {
    case 'item':
      return event.action === 'conflict' ? 'conflict' : 'changed'
    case 'problem':
      return event.code === 'HELD' ? 'held' : event.code === 'UNSEEN' ? 'unseen' : 'problem'
    case 'insync':
      return 'in-sync'
    case 'error':
      return 'stopped'
    case 'peer':
      return event.event
    case 'verify':
    case 'progress':
    case 'folder':
    case 'removed':
      return undefined
  }
}

function detailsOf(event: DaemonEvent): Readonly<Record<string, string>> {
  switch (event.type) {
    case 'item':
      return { BACKER_PATH: event.path }
    case 'problem':
      return { BACKER_PATH: event.path ?? '', BACKER_PEER: event.peer ?? '', BACKER_MESSAGE: event.message }
    case 'error':
      return { BACKER_MESSAGE: event.message }
    case 'peer':
      return { BACKER_PEER: event.peer.name }
    case 'insync':
    case 'verify':
    case 'progress':
    case 'folder':
    case 'removed':
      return {}
  }
}

/** Ends a command and all that it has started. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself meanwhile.
  }
}
