import { BackerError, messageOf } from '../core/error.js'
import { ancestorsOf, type RelativePath } from '../core/model/path.js'
import { payloadOf, sameContent, samePayload, type FilePayload } from '../core/model/record.js'
import type { Displaced, Expected, InstallResult, InstallStep } from '../disk/disk.js'
import { stagedName } from '../disk/names.js'
import type { Entry, EntryChange } from '../store/store.js'
import type { ContentSource } from './content-source.js'
import type { FolderContext } from './context.js'
import { isDropped } from './dropped.js'
import { isHeld } from './held-losses.js'
import { Mutex } from './mutex.js'
import { RestoreCount, type RestoreItem, type RestoreReport } from './past.js'
import { stageContent } from './stage-content.js'

/** So many items, and about so many bytes, take their places together. */
const ITEMS_AT_ONCE = 64
const BYTES_AT_ONCE = 64 * 1024 * 1024
const REVISION: Displaced = { kind: 'revision' }
const NOTHING: Expected = { kind: 'nothing' }
const DIRECTORY_MODE = 0o755

/**
 * Brings items back into the folder, as a user does who copies them there from a backup: whatever stood in their place becomes a revision, and
 * the next look at the disk finds them and writes them as new versions, which every device takes over and nothing undoes. It has done so when a restore is over.
 */
export class Restorer {
  readonly #context: FolderContext
  readonly #source: ContentSource
  /** Two restores of one version would put it together in one file: the second would still write to it when the first has put it in its place, and a user works in it. */
  readonly #turn = new Mutex()

  constructor(context: FolderContext, source: ContentSource) {
    this.#context = context
    this.#source = source
  }

  /** Those of the items that do not stand in the folder just so. */
  lacking(items: readonly RestoreItem[]): readonly RestoreItem[] {
    return items.filter(({ path, payload }) => {
      const entry = this.#context.store.get(path)
      return entry === undefined || isAbsent(entry) || !samePayload(payloadOf(entry.record), payload)
    })
  }

  /**
   * Restores items that come page by page, those first that lie above others. Rejects with KEY_KIND on a device that only reads, and with what ends a
   * folder.
   */
  async restore(pages: AsyncIterable<readonly RestoreItem[]>, signal: AbortSignal): Promise<RestoreReport> {
    if (this.#context.access === 'read') {
      throw new BackerError('KEY_KIND', 'a device that only reads can not change the folder', {
        hint: 'Restore to another directory with --to DIR, or on a device that has the write key.'
      })
    }
    const count = new RestoreCount()
    const made = new Set<RelativePath>()
    for await (const page of pages) {
      const lacking = this.lacking(page)
      count.unchanged(page.length - lacking.length)
      for (const batch of batchesOf(lacking)) {
        if (signal.aborted) return count.report()
        await this.#turn.run(async () => this.#install(await this.#stageAll(batch, count, signal), made, count))
      }
    }
    await this.#context.looked()
    return count.report()
  }

  /** Puts the contents of a batch together. Gives the items that are ready. */
  async #stageAll(batch: readonly RestoreItem[], count: RestoreCount, signal: AbortSignal): Promise<RestoreItem[]> {
    const ready: RestoreItem[] = []
    for (const item of batch) {
      const problem = await this.#stage(item, signal)
      if (problem === undefined) ready.push(item)
      else count.failed(item.path, problem)
    }
    return ready
  }

  /** Puts a file's content together in `.backer/tmp`. Gives a sentence where it can't be had. */
  async #stage({ path, payload }: RestoreItem, signal: AbortSignal): Promise<string | undefined> {
    const entry = this.#context.store.get(path)
    if (payload.kind !== 'file' || (entry !== undefined && !isAbsent(entry) && standsThere(entry, payload)))
      return undefined
    try {
      await stageContent(this.#context.disk, this.#source, { path, payload, maker: 'restore' }, signal)
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }

  /** `made`: directories that this restore has made, which the index may not know yet. */
  async #install(items: readonly RestoreItem[], made: Set<RelativePath>, count: RestoreCount): Promise<void> {
    const { disk, ledger, localEdits, onSuspectPath, store } = this.#context
    await ledger.lock.run(async () => {
      const steps = this.#steps(items, made)
      if (steps.length === 0) return
      ledger.noteInstall()
      const results = await disk.install(steps)
      const wanted = new Map(items.map(item => [item.path, item]))
      const undropped: EntryChange[] = []
      steps.forEach(({ path }, i) => {
        const problem = problemOf(results[i])
        if (problem === undefined) localEdits.expect(path)
        undropped.push(...replacing(path, store.get(path), results[i]))
        onSuspectPath(path)
        const item = wanted.get(path)
        if (item === undefined) return
        if (problem === undefined) count.restored(item)
        else count.failed(path, problem)
      })
      await ledger.commit(undropped, new Map())
    })
  }

  #steps(items: readonly RestoreItem[], made: Set<RelativePath>): InstallStep[] {
    const steps: InstallStep[] = []
    for (const { path, payload } of items) {
      for (const above of ancestorsOf(path)) {
        const stamp = this.#context.store.get(above)?.stamp
        if (made.has(above) || stamp?.kind === 'directory') continue
        made.add(above)
        const expected: Expected = stamp === undefined ? NOTHING : { kind: 'stamped', stamp }
        steps.push({ kind: 'directory', path: above, expected, mode: DIRECTORY_MODE, displaced: REVISION })
      }
      if (payload.kind === 'directory') made.add(path)
      steps.push(stepFor(path, payload, this.#context.store.get(path)))
    }
    return steps
  }
}

function stepFor(path: RelativePath, payload: RestoreItem['payload'], entry: Entry | undefined): InstallStep {
  const expected: Expected = entry?.stamp === undefined ? NOTHING : { kind: 'stamped', stamp: entry.stamp }
  const common = { path, expected, displaced: REVISION }
  if (payload.kind === 'directory') return { ...common, kind: 'directory', mode: payload.mode }
  if (payload.kind === 'symlink')
    return { ...common, kind: 'symlink', target: payload.target, mtimeNs: payload.mtimeNs }
  const { mtimeNs, mode } = payload
  if (entry?.stamp !== undefined && standsThere(entry, payload))
    return { path, expected, kind: 'metadata', mode, mtimeNs }
  return { ...common, kind: 'file', staged: stagedName(payload.content.root, path, 'restore'), mtimeNs, mode }
}

/**
 * Whoever restores something in the place of a file that was dropped knows that he replaces it: so the next look, which finds another stamp than is noted, takes
 * it for an edit of that.
 */
function replacing(path: RelativePath, entry: Entry | undefined, result: InstallResult | undefined): EntryChange[] {
  if (!isDropped(entry) || result?.kind !== 'done' || result.stamp === undefined) return []
  // Neither its time nor its mode is what the dropped file's record says: they must not be taken for those that were set when that was installed.
  const { stamp } = result
  const unlike = { ...stamp, ctimeNs: 0n, mtimeNs: stamp.mtimeNs + 1n, mode: stamp.mode ^ 0o777 }
  return [{ path, entry: { record: entry.record, stamp: unlike } }]
}

/** True for what is a part of the folder and does not stand on this disk. */
function isAbsent(entry: Entry): boolean {
  return isHeld(entry) || isDropped(entry)
}

function standsThere(entry: Entry, payload: FilePayload): boolean {
  return sameContent(payloadOf(entry.record), payload)
}

function problemOf(result: InstallResult | undefined): string | undefined {
  if (result?.kind === 'done') return undefined
  if (result?.kind === 'failed') return result.problem.message
  return result?.kind === 'blocked' ? 'a directory that is not empty is in the way' : 'it has just changed: try again'
}

function* batchesOf(items: readonly RestoreItem[]): Generator<readonly RestoreItem[]> {
  let batch: RestoreItem[] = []
  let bytes = 0
  for (const item of items) {
    batch.push(item)
    bytes += item.payload.kind === 'file' ? item.payload.size : 0
    if (batch.length < ITEMS_AT_ONCE && bytes < BYTES_AT_ONCE) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}
