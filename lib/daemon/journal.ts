import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makePrivateDirectory, readIfThere, sizeIfThere, systemCode } from '../home/private-file.js'
import type { JournalRow } from './document.js'
import type { Runtime, Timer } from '../runtime.js'

/** What is looked for. */
export interface JournalQuestion {
  /** An item, or a directory with all below it; undefined: everything. */
  readonly path: string | undefined
  readonly sinceMs: number | undefined
  readonly limit: number
}

/** How large one file may grow, and how many older ones are kept beside it: some 100,000 changes altogether. */
const BYTES_MAX = 4 * 1024 * 1024
const KEPT = 3
const FLUSH_MS = 250
/** Rows that wait for the disk; beyond them it is flushed at once. */
const WAITING_MAX = 512
const ROWS_PER_TURN = 500

/**
 * What happened in one folder, oldest first, one JSON document a line: `history-ID.jsonl` in the home, and older files `.1` to `.3`. It is for people; no decision rests on it.
 * Rows reach the disk within a moment: those of the last one may be lost in a crash.
 */
export class Journal {
  readonly #file: string
  readonly #runtime: Runtime
  readonly #bytesMax: number
  #waiting: string[] = []
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(file: string, runtime: Runtime, { bytesMax = BYTES_MAX }: { readonly bytesMax?: number } = {}) {
    this.#file = file
    this.#runtime = runtime
    this.#bytesMax = bytesMax
  }

  note(row: JournalRow): void {
    this.#waiting.push(`${JSON.stringify(row)}\n`)
    if (this.#waiting.length >= WAITING_MAX) void this.flush()
    else this.#timer ??= this.#runtime.timers.after(FLUSH_MS, () => void this.flush())
  }

  /** Resolves when all rows so far are in the file. Where the disk takes none they are lost, and that is traced. */
  flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const rows = this.#waiting
    this.#waiting = []
    if (rows.length > 0) {
      this.#writing = this.#writing
        .then(() => this.#append(rows.join('')))
        .catch((error: unknown) =>
          this.#runtime.trace(`${rows.length} rows of the history were lost: ${String(error)}`)
        )
    }
    return this.#writing
  }

  /** What was found, the latest first. Throws the system's error. */
  async read(question: JournalQuestion): Promise<readonly JournalRow[]> {
    await this.flush()
    const found: JournalRow[] = []
    for (let i = 0; i <= KEPT && found.length < question.limit; i++) {
      const lines = ((await readIfThere(this.#name(i))) ?? '').split('\n')
      for (let at = lines.length - 1; at >= 0 && found.length < question.limit; at--) {
        if (at % ROWS_PER_TURN === 0) await this.#runtime.timers.breathe()
        const row = parseRow(lines[at] ?? '')
        if (row === undefined) continue
        if (question.sinceMs !== undefined && Date.parse(row.time) < question.sinceMs) return found
        if (question.path === undefined || touches(row, question.path)) found.push(row)
      }
    }
    return found
  }

  /** The folder was left: what was kept of it goes. */
  async remove(): Promise<void> {
    await this.flush()
    for (let i = 0; i <= KEPT; i++) await rm(this.#name(i), { force: true })
  }

  #name(i: number): string {
    return i === 0 ? this.#file : `${this.#file}.${i}`
  }

  async #append(text: string): Promise<void> {
    if ((await sizeIfThere(this.#file)) + text.length > this.#bytesMax) await this.#putAside()
    await makePrivateDirectory(join(this.#file, '..'))
    const handle = await open(this.#file, 'a', 0o600)
    try {
      await handle.writeFile(text)
    } finally {
      await handle.close()
    }
  }

  async #putAside(): Promise<void> {
    for (let i = KEPT; i > 0; i--) {
      try {
        await rename(this.#name(i - 1), this.#name(i))
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error
      }
    }
  }
}

export function journalFile(home: string, folder: string): string {
  return join(home, `history-${folder}.jsonl`)
}

function touches({ path, from, copy }: JournalRow, asked: string): boolean {
  return [path, from, copy].some(one => one !== undefined && (one === asked || one.startsWith(`${asked}/`)))
}

/** undefined for a line that a crash has cut, or that is empty. */
function parseRow(line: string): JournalRow | undefined {
  try {
    const row = JSON.parse(line) as Partial<JournalRow> | null
    return typeof row?.path === 'string' && typeof row.time === 'string' ? (row as JournalRow) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
