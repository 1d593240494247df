import { CONFLICT_MARK, originalOf } from '../core/engine/conflict.js'
import { joinPath, nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import { isLive, payloadOf, type Payload } from '../core/model/record.js'
import type { InstallStep } from '../disk/disk.js'
import { hashBytes } from '../core/model/hash.js'
import { stagedName } from '../disk/names.js'
import { parseIgnore } from '../disk/ignore.js'
import { BackerError } from '../core/error.js'
import type { Entry } from '../store/store.js'
import type { FolderContext } from './context.js'
import { isDropped } from './dropped.js'
import { IGNORE_FILE, readIgnoreText } from './ignore-file.js'

/** How many entries are looked at in one turn of the event loop. */
const ENTRIES_PER_TURN = 1000
const CONFLICTS_MAX = 1000
/** How many names are tried for a version that is to stand on its own. */
const NAMES_TRIED = 100

/** What stands in a folder at a path, for people. */
export interface Item {
  readonly name: string
  readonly kind: 'directory' | 'file' | 'symlink'
  /** Bytes; 0 for what is not a file. */
  readonly size: number
  /** Milliseconds since 1970; undefined for directories. */
  readonly mtimeMs: number | undefined
  /** `dropped`: it is a part of the folder, and its content lies on other devices only. */
  readonly state: 'synced' | 'pending' | 'problem' | 'conflict' | 'dropped'
  /** Why it is not in sync. */
  readonly reason?: string
  /** Where a symlink points. */
  readonly target?: string
}

/** Two versions that were made apart: `copy` stands beside `path`. */
export interface ConflictPair {
  readonly path: RelativePath
  readonly copy: RelativePath
  /** undefined: deleted since. */
  readonly original: Item | undefined
  readonly other: Item
}

/** Which of two versions is to stay. */
export type Keep = 'original' | 'copy' | 'both'

const IGNORE_MODE = 0o644

function ignoreChanged(): BackerError {
  return new BackerError('BUSY', `${IGNORE_FILE} has just been changed`, {
    path: IGNORE_FILE,
    hint: 'Look again, and decide anew.'
  })
}

/** What people look at and decide in one folder. */
export class Browser {
  readonly #context: FolderContext
  readonly #isWanted: (path: RelativePath) => boolean

  constructor(context: FolderContext, isWanted: (path: RelativePath) => boolean) {
    this.#context = context
    this.#isWanted = isWanted
  }

  /** The items of a directory (undefined: the root) by name, behind `after`, at most `limit`; `next` where there are more. */
  async list(
    directory: RelativePath | undefined,
    { after, limit }: { readonly after?: string | undefined; readonly limit: number }
  ): Promise<{ readonly items: readonly Item[]; readonly next: string | undefined }> {
    const items: Item[] = []
    let isBehind = after === undefined
    let count = 0
    for (const [path, entry] of this.#context.store.children(directory)) {
      if (++count % ENTRIES_PER_TURN === 0) await this.#context.runtime.timers.breathe()
      const item = this.#item(path, entry)
      if (isBehind && item !== undefined) {
        if (items.length === limit) return { items, next: items.at(-1)?.name }
        items.push(item)
      }
      if (nameOf(path) === after) isBehind = true
    }
    return { items, next: undefined }
  }

  /** All conflict copies that stand in the folder, at most 1000. */
  async conflicts(): Promise<readonly ConflictPair[]> {
    const pairs: ConflictPair[] = []
    let count = 0
    for (const [copy, entry] of this.#context.store.below(undefined)) {
      if (++count % ENTRIES_PER_TURN === 0) await this.#context.runtime.timers.breathe()
      const other = CONFLICT_MARK.test(copy) ? this.#item(copy, entry) : undefined
      if (other === undefined || pairs.length >= CONFLICTS_MAX) continue
      const path = originalOf(copy)
      const original = this.#context.store.get(path)
      pairs.push({ path, copy, other, original: original === undefined ? undefined : this.#item(path, original) })
    }
    return pairs
  }

  /**
   * Decides a conflict as a user does who moves the files by hand; what is not kept goes to the revisions. Throws NO_PATH where `copy` is no
   * conflict copy that stands there, and BUSY where either file has just been changed.
   */
  async resolve(copy: RelativePath, keep: Keep): Promise<void> {
    const { disk, ledger, localEdits, store } = this.#context
    const entry = store.get(copy)
    if (!CONFLICT_MARK.test(copy) || entry?.stamp === undefined || !isLive(entry.record))
      throw new BackerError('NO_PATH', `there is no conflict copy at ${copy}`, { path: copy })
    const step = this.#stepFor(copy, entry, keep)
    const [result] = await ledger.lock.run(() => disk.install([step]))
    if (result?.kind === 'done') for (const path of [copy, step.path]) localEdits.expect(path)
    this.#context.onSuspect([parentOf(copy)])
    if (result?.kind === 'failed') throw new BackerError('FILE_SYSTEM', result.problem.message, { path: copy })
    if (result?.kind !== 'done')
      throw new BackerError('BUSY', `${copy} or what it stands beside has just changed`, {
        path: copy,
        hint: 'Look again, and decide anew.'
      })
  }

  #stepFor(copy: RelativePath, entry: Entry, keep: Keep): InstallStep {
    const displaced = { kind: 'revision' } as const
    const stamp = entry.stamp
    const payload = payloadOf(entry.record)
    if (stamp === undefined || payload.kind === 'deleted' || payload.kind === 'directory')
      throw new BackerError('NO_PATH', `there is no conflict copy at ${copy}`, { path: copy })
    if (keep === 'original') return { kind: 'remove', path: copy, expected: { kind: 'stamped', stamp }, displaced }
    const path = keep === 'copy' ? originalOf(copy) : this.#freeName(originalOf(copy))
    const there = this.#context.store.get(path)?.stamp
    const expected = there === undefined ? ({ kind: 'nothing' } as const) : ({ kind: 'stamped', stamp: there } as const)
    const { mtimeNs } = payload
    return { kind: 'move', path, expected, from: copy, fromStamp: stamp, mtimeNs, mode: stamp.mode, displaced }
  }

  /** `report.txt` -> `report 2.txt`, or the next number that is free. */
  #freeName(path: RelativePath): RelativePath {
    const name = nameOf(path)
    const dot = name.lastIndexOf('.')
    const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
    for (let i = 2; i < NAMES_TRIED; i++) {
      const free = joinPath(parentOf(path), `${stem} ${i}${extension}`)
      if (!isLive(this.#context.store.get(free)?.record)) return free
    }
    throw new BackerError('LIMIT', `there are too many copies of ${path}`, { path })
  }

  /** The text of `.backerignore`; empty where there is none. */
  async ignoreText(): Promise<string> {
    return (await readIgnoreText(this.#context.disk)) ?? ''
  }

  /** Whether a path is ignored, and the pattern that decides it. */
  checkIgnore(path: RelativePath, isDirectory: boolean): { readonly ignored: boolean; readonly pattern?: string } {
    const rules = this.#context.ignore()
    const pattern = rules.patternFor(path, isDirectory)
    return { ignored: rules.ignores(path, isDirectory), ...(pattern === undefined ? {} : { pattern }) }
  }

  /**
   * Replaces `.backerignore`; what stood there becomes a revision. Throws BUSY where it is not `was` any more, or has just been changed, and FILE_SYSTEM.
   */
  async replaceIgnoreText(text: string, was: string | undefined): Promise<void> {
    const { disk, ledger, store, runtime } = this.#context
    const bytes = Buffer.from(text)
    const name = stagedName(hashBytes(bytes), IGNORE_FILE, 'edit')
    const mtimeNs = BigInt(runtime.clock.now()) * 1_000_000n
    const [result] = await ledger.lock.run(async () => {
      if (was !== undefined && (await this.ignoreText()) !== was) throw ignoreChanged()
      const entry = store.get(IGNORE_FILE)
      const stamp = entry?.stamp
      const expected = stamp === undefined ? ({ kind: 'nothing' } as const) : ({ kind: 'stamped', stamp } as const)
      await disk.stageSmall([{ name, bytes }])
      const step: InstallStep = {
        kind: 'file',
        path: IGNORE_FILE,
        expected,
        staged: name,
        mtimeNs,
        mode: stamp?.mode ?? IGNORE_MODE,
        displaced: { kind: 'revision' }
      }
      return disk.install([step])
    })
    this.#context.onSuspect([undefined])
    if (result?.kind === 'failed') throw new BackerError('FILE_SYSTEM', result.problem.message, { path: IGNORE_FILE })
    if (result?.kind !== 'done') throw ignoreChanged()
  }

  /** How many items a `.backerignore` with this text would take out of the folder, and some of them; a sentence for each line that can't be used. */
  async previewIgnore(
    text: string,
    sampleSize: number
  ): Promise<{ readonly count: number; readonly sample: readonly string[]; readonly problems: readonly string[] }> {
    const rules = parseIgnore(text)
    const sample: string[] = []
    let hit = 0
    let seen = 0
    for (const [path, { record }] of this.#context.store.below(undefined)) {
      if (++seen % ENTRIES_PER_TURN === 0) await this.#context.runtime.timers.breathe()
      if (!isLive(record) || path === IGNORE_FILE) continue
      if (!rules.ignores(path, payloadOf(record).kind === 'directory')) continue
      hit++
      if (sample.length < sampleSize) sample.push(path)
    }
    return { count: hit, sample, problems: rules.problems }
  }

  /** Up to `limit` bytes of a file; undefined where there is none. */
  content(path: RelativePath, limit: number): Promise<Uint8Array | undefined> {
    return this.#context.disk.read(path, 0, limit)
  }

  #item(path: RelativePath, entry: Entry): Item | undefined {
    const payload = payloadOf(entry.record)
    if (payload.kind === 'deleted') return undefined
    const problem = this.#context.problems.get(path)
    return {
      name: nameOf(path),
      kind: payload.kind,
      size: payload.kind === 'file' ? payload.size : 0,
      mtimeMs: mtimeOf(payload),
      state: problem === undefined ? this.#stateOf(path, entry) : 'problem',
      ...(problem === undefined ? {} : { reason: problem.message }),
      ...(payload.kind === 'symlink' ? { target: payload.target } : {})
    }
  }

  #stateOf(path: RelativePath, entry: Entry): Item['state'] {
    if (this.#isWanted(path)) return 'pending'
    if (isDropped(entry)) return 'dropped'
    return CONFLICT_MARK.test(path) ? 'conflict' : 'synced'
  }
}

function mtimeOf(payload: Payload): number | undefined {
  return payload.kind === 'file' || payload.kind === 'symlink' ? Number(payload.mtimeNs / 1_000_000n) : undefined
}
