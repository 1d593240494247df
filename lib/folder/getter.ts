import { BackerError, isBackerError, messageOf } from '../core/error.js'
import { hashKey } from '../core/model/hash.js'
import { isBelow, type RelativePath } from '../core/model/path.js'
import { isLive, payloadOf, sameContent, type FilePayload } from '../core/model/record.js'
import { iterate } from '../core/tree/read.js'
import type { InstallStep } from '../disk/disk.js'
import { stagedName } from '../disk/names.js'
import type { ContentSource } from './content-source.js'
import type { FolderContext } from './context.js'
import { DiskFloor } from './disk-floor.js'
import { GetCount, type GetReport } from './drop-report.js'
import { isDropped } from './dropped.js'
import { stageContent } from './stage-content.js'

/** How many files are fetched at once. */
const FILES_AT_ONCE = 4
/** How often a file is begun anew because another version of it came meanwhile. */
const TRIES = 3
/** How many paths are collected at a time. */
const PATHS_AT_ONCE = 256

/** What became of a file: it stands at its path; it did already; it is another version by now. */
type Got = 'fetched' | 'unchanged' | 'outdated'

/** Brings files back that this device had dropped. What somebody puts at such a path meanwhile is his, and stays. */
export class Getter {
  readonly #context: FolderContext
  readonly #source: ContentSource
  readonly #floor: DiskFloor
  readonly #underway = new Map<RelativePath, Promise<Got>>()
  readonly #waiting = new Set<RelativePath>()

  constructor(context: FolderContext, source: ContentSource) {
    this.#context = context
    this.#source = source
    this.#floor = new DiskFloor(context.disk, context.runtime.clock)
  }

  /** True for a file that is on its way back. */
  isGetting(path: RelativePath): boolean {
    return this.#underway.has(path) || this.#waiting.has(path)
  }

  /**
   * Fetches the dropped files at and below `paths` (undefined: all), and goes on with the rest where one can't be had. Rejects with NO_PATH where nothing of the folder
   * stands at a path, and with what ends a folder.
   */
  async get(paths: readonly (RelativePath | undefined)[], signal?: AbortSignal): Promise<GetReport> {
    for (const path of paths)
      if (path !== undefined && !isLive(this.#context.store.get(path)?.record))
        throw new BackerError('NO_PATH', `the folder has nothing at ${path}`, { path })
    const count = new GetCount()
    for (const path of new Set(paths)) {
      const isFile = path !== undefined && payloadOf(this.#record(path)).kind !== 'directory'
      if (isFile) await this.#getAll([path], count, signal)
      else for await (const some of this.#droppedBelow(path)) await this.#getAll(some, count, signal)
    }
    return count.report()
  }

  /** As `get`, without waiting for it: what can't be had stays as it is, and says so. Throws NO_PATH. */
  ask(paths: readonly (RelativePath | undefined)[]): void {
    for (const path of paths) if (path !== undefined) this.#record(path)
    const { closed, runtime, problems } = this.#context
    this.get(paths).then(
      ({ failed }) => {
        for (const { path, message } of failed) problems.set({ path, code: 'no-source', message })
      },
      (error: unknown) => {
        if (!closed.aborted) runtime.trace(`could not get what was asked for: ${messageOf(error)}`)
      }
    )
  }

  #record(path: RelativePath): Parameters<typeof payloadOf>[0] {
    const entry = this.#context.store.get(path)
    if (entry === undefined) throw new BackerError('NO_PATH', `the folder has nothing at ${path}`, { path })
    return entry.record
  }

  /** The dropped files below a directory, some at a time. What is fetched meanwhile changes the tree that is read: it is looked through from where it was left. */
  async *#droppedBelow(directory: RelativePath | undefined): AsyncGenerator<readonly RelativePath[]> {
    const { store, runtime, closed } = this.#context
    let last: RelativePath | undefined
    while (!closed.aborted) {
      const some: RelativePath[] = []
      for (const [path] of iterate(hash => store.node(hash), store.lacks, { below: directory, from: last })) {
        if (path === last || (directory !== undefined && !isBelow(path, directory))) continue
        if (isDropped(store.get(path))) some.push(path)
        if (some.length >= PATHS_AT_ONCE) break
      }
      if (some.length === 0) return
      last = some.at(-1)
      yield some
      await runtime.timers.breathe()
    }
  }

  async #getAll(paths: readonly RelativePath[], count: GetCount, signal: AbortSignal | undefined): Promise<void> {
    for (const path of paths) this.#waiting.add(path)
    const left = [...paths]
    const work = async (): Promise<void> => {
      for (let path = left.shift(); path !== undefined; path = left.shift()) {
        if (signal?.aborted !== true && !this.#context.closed.aborted) await this.#count(path, count)
        this.#waiting.delete(path)
      }
    }
    try {
      await Promise.all(Array.from({ length: FILES_AT_ONCE }, work))
    } finally {
      for (const path of paths) this.#waiting.delete(path)
    }
  }

  async #count(path: RelativePath, count: GetCount): Promise<void> {
    const payload = payloadOf(this.#record(path))
    try {
      const got = await this.#once(path)
      this.#context.problems.clear(path)
      if (got === 'outdated') count.failed(path, 'it keeps changing: try again')
      else if (got === 'unchanged') count.unchanged()
      else count.fetched(payload.kind === 'file' ? payload.size : 0)
    } catch (error) {
      if (this.#context.isStopped()) throw error
      const isNowhere = isBackerError(error, 'UNAVAILABLE')
      count.failed(path, isNowhere ? `no connected device gives its content: ${error.message}` : messageOf(error))
    }
  }

  /** Who asks for a file that is on its way already waits for that. */
  #once(path: RelativePath): Promise<Got> {
    const known = this.#underway.get(path)
    if (known !== undefined) return known
    const getting = this.#tryToGet(path).finally(() => this.#underway.delete(path))
    this.#underway.set(path, getting)
    return getting
  }

  async #tryToGet(path: RelativePath): Promise<Got> {
    for (let tries = 0; tries < TRIES; tries++) {
      const entry = this.#context.store.get(path)
      const payload = entry === undefined ? undefined : payloadOf(entry.record)
      if (!isDropped(entry) || payload?.kind !== 'file') return 'unchanged'
      const got = await this.#getVersion(path, payload)
      if (got !== 'outdated') return got
    }
    return 'outdated'
  }

  async #getVersion(path: RelativePath, payload: FilePayload): Promise<Got> {
    const { disk, closed } = this.#context
    await this.#floor.spend(payload.size)
    const chunks = payload.content.height === 0 ? undefined : await this.#source.chunkList(payload)
    // A signal of its own: each chunk that is asked for listens to it.
    const over = new AbortController()
    const end = (): void => over.abort()
    closed.addEventListener('abort', end)
    try {
      await stageContent(disk, this.#source, { path, payload, maker: 'get' }, over.signal)
    } finally {
      closed.removeEventListener('abort', end)
    }
    return this.#install(path, payload, chunks)
  }

  /** Has the staged file take its place, where it is still the one that was dropped and nothing else stands there. */
  #install(path: RelativePath, payload: FilePayload, chunks: Uint8Array | undefined): Promise<Got> {
    const { ledger, disk, store, onSuspectPath, onFatal } = this.#context
    return ledger.lock.run(async () => {
      const entry = store.get(path)
      const now = entry === undefined ? undefined : payloadOf(entry.record)
      if (!isDropped(entry) || now?.kind !== 'file' || !sameContent(now, payload)) return 'outdated'
      ledger.noteInstall()
      ledger.busy.add(path)
      try {
        const [result] = await disk.install([stepFor(path, now)])
        if (result?.kind !== 'done') {
          onSuspectPath(path)
          throw new BackerError(
            'BUSY',
            result?.kind === 'failed' ? result.problem.message : 'something else stands there'
          )
        }
        const lists = new Map(chunks === undefined ? [] : [[hashKey(payload.content.root), chunks]])
        await ledger.commit([{ path, entry: { record: entry.record, stamp: result.stamp } }], lists)
        return 'fetched'
      } catch (error) {
        if (!isBackerError(error, 'BUSY')) onFatal(error)
        throw error
      } finally {
        ledger.busy.delete(path)
      }
    })
  }
}

function stepFor(path: RelativePath, { content, mtimeNs, mode }: FilePayload): InstallStep {
  const displaced = { kind: 'revision' } as const
  return {
    kind: 'file',
    path,
    expected: { kind: 'nothing' },
    staged: stagedName(content.root, path, 'get'),
    mtimeNs,
    mode,
    displaced
  }
}
