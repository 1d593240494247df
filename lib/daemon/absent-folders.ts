import { parseKey } from '../core/model/key-text.js'
import { BackerError } from '../core/error.js'
import type { KnownFolder } from '../home/home.js'
import type { Timer, Timers } from '../runtime.js'
import { toBackerError } from './api/errors.js'
import { folderAround } from './directory.js'
import type { FolderDocument } from './document.js'

/** How often a folder that could not be opened is tried again: its disk may have been mounted meanwhile. */
const RETRY_MS = 10_000

interface Absent {
  readonly known: KnownFolder
  /** Why it could not be opened; undefined where it is being opened for the first time. */
  readonly error: BackerError | undefined
}

/** The folders of a home that its process does not run yet: those that it is about to open, and those that can't be opened. The latter are tried again. */
export class AbsentFolders {
  readonly #timers: Timers
  readonly #run: (known: KnownFolder) => Promise<unknown>
  readonly #absent = new Map<string, Absent>()
  #timer: Timer | undefined
  #isClosed = false

  constructor(timers: Timers, run: (known: KnownFolder) => Promise<unknown>) {
    this.#timers = timers
    this.#run = run
  }

  /** Opens all of them, one after the other. Resolves when each has been tried once; throws nothing. */
  async open(folders: readonly KnownFolder[]): Promise<void> {
    this.note(folders)
    await this.#tryAll()
  }

  /** They are about to be opened. */
  note(folders: readonly KnownFolder[]): void {
    for (const known of folders) this.#absent.set(known.id, { known, error: undefined })
  }

  /** A folder is being opened by other means. True where that was not known: whoever opens it then forgets it again where it fails. */
  expect(known: KnownFolder): boolean {
    if (this.#absent.has(known.id)) return false
    this.#absent.set(known.id, { known, error: undefined })
    return true
  }

  /** A folder runs now, or is not to run any more. */
  forget(id: string): void {
    this.#absent.delete(id)
  }

  /** Its user calls it otherwise now. */
  rename(id: string, name: string): void {
    const absent = this.#absent.get(id)
    if (absent !== undefined) this.#absent.set(id, { ...absent, known: { ...absent.known, name } })
  }

  /** Why a folder does not run; undefined where it is none of these. */
  reason(id: string): BackerError | undefined {
    const absent = this.#absent.get(id)
    if (absent === undefined) return undefined
    return absent.error ?? new BackerError('NO_FOLDER', `${absent.known.path} is being opened: ask again in a moment`)
  }

  /** How they stand, in the order in which they were added. */
  documents(): readonly FolderDocument[] {
    return [...this.#absent.values()].map(documentOf)
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  async #tryAll(): Promise<void> {
    for (const { known } of [...this.#absent.values()]) {
      if (this.#isClosed || !this.#absent.has(known.id)) continue
      const error = await this.#tryOne(known)
      if (!this.#absent.has(known.id)) continue
      if (error === undefined) this.#absent.delete(known.id)
      else this.#absent.set(known.id, { known, error })
    }
    if (this.#absent.size === 0 || this.#isClosed) return
    this.#timer?.cancel()
    this.#timer = this.#timers.after(RETRY_MS, () => void this.#tryAll())
  }

  async #tryOne(known: KnownFolder): Promise<BackerError | undefined> {
    try {
      // A disk that is not mounted looks like an empty directory, and must not be made a folder anew.
      if ((await folderAround(known.path)) !== known.path) throw markerGone(known)
      await this.#run(known)
      return undefined
    } catch (error) {
      return toBackerError(error)
    }
  }
}

function markerGone({ name, path }: KnownFolder): BackerError {
  return new BackerError('MARKER', `${name}: the folder's marker is not in ${path}. Nothing was deleted`, {
    path,
    hint: 'Is its disk mounted? It is looked for every few seconds.'
  })
}

function documentOf({ known, error }: Absent): FolderDocument {
  const { id, path, name, key } = known
  return {
    id,
    path,
    name,
    access: isWriteKey(key) ? 'write' : 'read',
    state: error === undefined ? 'starting' : 'stopped',
    ...(error === undefined ? {} : { error: reasonOf(error) }),
    files: 0,
    bytes: 0,
    records: 0,
    root: '',
    scanned: false,
    idle: false,
    progress: { filesDone: 0, filesTotal: 0, bytesDone: 0, bytesTotal: 0, bytesPerSecond: 0, etaMs: undefined },
    problems: [],
    problemCount: 0,
    peers: []
  }
}

/** False for a key that can't be read: opening the folder tells what is wrong with it. */
function isWriteKey(key: string): boolean {
  try {
    return parseKey(key).kind === 'write'
  } catch (error) {
    if (error instanceof BackerError) return false
    throw error
  }
}

function reasonOf({ code, message, hint }: BackerError): NonNullable<FolderDocument['error']> {
  return { code, message, ...(hint === undefined ? {} : { hint }) }
}
