import { BackerError, isBackerError, messageOf } from '../core/error.js'
import { isWrittenBy } from '../core/engine/conflict.js'
import { mergeRecords } from '../core/engine/merge.js'
import { comparePaths, isBelow, type RelativePath } from '../core/model/path.js'
import { payloadOf, type FilePayload, type Payload, type Record } from '../core/model/record.js'
import { getRecord } from '../core/tree/read.js'
import type { Displaced, Expected, InstallResult, InstallStep } from '../disk/disk.js'
import { stagedName } from '../disk/names.js'
import type { Entry } from '../store/store.js'
import type { ContentSource } from './content-source.js'
import type { FolderContext } from './context.js'
import { Mutex } from './mutex.js'
import type { Peer } from './peer.js'
import { stageContent } from './stage-content.js'

/** How many entries are looked at in one turn of the event loop. */
const ENTRIES_PER_TURN = 1000
/** How many paths the status tells. */
const SAMPLE = 20
const REVISION: Displaced = { kind: 'revision' }

/** What undoing local changes did. */
export interface Reverted {
  /** How many items stand as the writers have them again. */
  readonly reverted: number
  readonly failed: readonly { readonly path: string; readonly message: string }[]
}

/**
 * What was changed by hand on a device that may not write, or is not to: it stays here and reaches nobody. Such a change is an entry with a version that
 * this device's own replica made: whatever a writer made comes under another one.
 */
export class Drift {
  readonly #context: FolderContext
  readonly #source: ContentSource
  readonly #peers: () => Iterable<Peer>
  readonly #paths = new Set<RelativePath>()
  /** Two that put one version together would do so in one file. */
  readonly #turn = new Mutex()

  constructor(context: FolderContext, source: ContentSource, peers: () => Iterable<Peer>) {
    this.#context = context
    this.#source = source
    this.#peers = peers
  }

  /** How many items differ from what the writers have because they were changed here. */
  get count(): number {
    return this.#paths.size
  }

  /** What the status says of it: nothing where there is none. */
  told(): { readonly drift?: { readonly count: number; readonly sample: readonly string[] } } {
    return this.count === 0 ? {} : { drift: { count: this.count, sample: this.sample(SAMPLE) } }
  }

  /** Some of them, in order. */
  sample(limit: number): RelativePath[] {
    return [...this.#paths].sort(comparePaths).slice(0, limit)
  }

  /** Finds what was changed before the folder was opened. */
  async load(): Promise<void> {
    const { access, store, runtime, closed } = this.#context
    if (access === 'write') return
    let after: RelativePath | undefined
    for (;;) {
      const page = closed.aborted ? [] : store.page(after, ENTRIES_PER_TURN)
      if (page.length === 0) return
      this.note(page.map(([path]) => path))
      after = page.at(-1)?.[0]
      await runtime.timers.breathe()
    }
  }

  /** The entries of these paths may have changed. */
  note(paths: readonly RelativePath[]): void {
    if (this.#context.access === 'write') return
    for (const path of paths) {
      if (this.#isOwn(this.#context.store.get(path))) this.#paths.add(path)
      else this.#paths.delete(path)
    }
  }

  /**
   * Has items stand as the writers have them: those of the paths (undefined: all), and what lies below them. What stands there now is kept as a
   * revision. Rejects with NO_PEER where nobody is connected who could tell, and with what ends a folder.
   */
  async revert(paths: readonly RelativePath[] | undefined): Promise<Reverted> {
    const chosen = this.chosen(paths)
    const known = chosen.map(path => ({ path, remote: this.#remote(path) }))
    const failed: { path: string; message: string }[] = []
    let reverted = 0
    const isGone = ({ remote }: { readonly remote: Record | undefined }): boolean => kindOf(remote) === 'deleted'
    for (const { path, remote } of [...known.filter(isGone).reverse(), ...known.filter(one => !isGone(one))]) {
      const problem = await this.#turn.run(() => this.#revertOne(path, remote))
      if (problem === undefined) reverted++
      else failed.push({ path, message: problem })
    }
    return { reverted, failed }
  }

  /** The changed items at and below these paths, in order. */
  chosen(paths: readonly RelativePath[] | undefined): RelativePath[] {
    const all = [...this.#paths].sort(comparePaths)
    return paths === undefined ? all : all.filter(path => paths.some(one => one === path || isBelow(path, one)))
  }

  /** Moves what was made here below a directory, and no writer knows, to the revisions: the writers want something else to stand there. */
  async makeWay(directory: RelativePath): Promise<void> {
    if (this.chosen([directory]).length === 0 || [...this.#peers()].length === 0) return
    try {
      await this.revert(this.chosen([directory]).filter(path => kindOf(this.#remote(path)) === 'deleted'))
    } catch (error) {
      if (!isBackerError(error, 'NO_PEER')) this.#context.onFatal(error)
    }
  }

  #isOwn(entry: Entry | undefined): boolean {
    const { replica } = this.#context.store
    return entry?.record.versions.some(version => isWrittenBy(version, replica)) === true
  }

  /** What the connected writers have at a path. Throws NO_PEER. */
  #remote(path: RelativePath): Record | undefined {
    const { store } = this.#context
    let isKnown = false
    let merged: Record | undefined
    for (const peer of this.#peers())
      for (const root of peer.walked.values()) {
        isKnown = true
        const record = getRecord(hash => store.node(hash), root, path)
        if (record !== undefined) merged = merged === undefined ? record : mergeRecords(merged, record)
      }
    if (isKnown) return merged
    throw new BackerError('NO_PEER', 'no other device is connected that could tell what the folder should hold', {
      hint: 'Try again when one is online.'
    })
  }

  async #revertOne(path: RelativePath, remote: Record | undefined): Promise<string | undefined> {
    if (!this.#isOwn(this.#context.store.get(path))) return undefined
    const payload: Payload = remote === undefined ? { kind: 'deleted' } : payloadOf(remote)
    if (payload.kind === 'file') {
      const missing = await this.#stage(path, payload)
      if (missing !== undefined) return missing
    }
    const { ledger, disk, store, onSuspectPath } = this.#context
    return ledger.lock.run(async () => {
      const entry = store.get(path)
      if (!this.#isOwn(entry)) return undefined
      let stamp = undefined
      if (payload.kind !== 'deleted' || entry?.stamp !== undefined) {
        ledger.noteInstall()
        ledger.busy.add(path)
        try {
          const [result] = await disk.install([stepFor(path, payload, entry)])
          if (result?.kind !== 'done') {
            onSuspectPath(path)
            return problemOf(result)
          }
          stamp = result.stamp
        } finally {
          ledger.busy.delete(path)
        }
      }
      const after = remote === undefined ? undefined : { record: remote, stamp }
      await ledger.commit([{ path, entry: after }], new Map())
      return undefined
    })
  }

  async #stage(path: RelativePath, payload: FilePayload): Promise<string | undefined> {
    const { disk, closed } = this.#context
    try {
      await stageContent(disk, this.#source, { path, payload, maker: 'drift' }, closed)
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }
}

function kindOf(record: Record | undefined): Payload['kind'] {
  return record === undefined ? 'deleted' : payloadOf(record).kind
}

function stepFor(path: RelativePath, payload: Payload, entry: Entry | undefined): InstallStep {
  const expected: Expected = entry?.stamp === undefined ? { kind: 'nothing' } : { kind: 'stamped', stamp: entry.stamp }
  const common = { path, expected, displaced: REVISION }
  switch (payload.kind) {
    case 'deleted':
      return { ...common, kind: 'remove' }
    case 'directory':
      return { ...common, kind: 'directory', mode: payload.mode }
    case 'symlink':
      return { ...common, kind: 'symlink', target: payload.target, mtimeNs: payload.mtimeNs }
    case 'file': {
      const staged = stagedName(payload.content.root, path, 'drift')
      return { ...common, kind: 'file', staged, mtimeNs: payload.mtimeNs, mode: payload.mode }
    }
  }
}

function problemOf(result: InstallResult | undefined): string {
  if (result?.kind === 'failed') return result.problem.message
  return result?.kind === 'blocked' ? `${result.by} is in the way` : 'it has just changed: try again'
}
