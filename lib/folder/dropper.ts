import { BackerError, messageOf } from '../core/error.js'
import { holdProof, NONCE_BYTES } from '../core/engine/hold-proof.js'
import { hashesEqual } from '../core/model/hash.js'
import { isBelow, type RelativePath } from '../core/model/path.js'
import { isLive, payloadOf, sameRecord } from '../core/model/record.js'
import { sameStamp } from '../core/model/stamp.js'
import type { InstallResult, InstallStep } from '../disk/disk.js'
import { isSameProof } from '../../protocol/proof.js'
import type { HoldQuestion } from '../../protocol/peer-link.js'
import type { Entry, EntryChange } from '../store/store.js'
import type { FolderContext } from './context.js'
import { DropCount, type DropReport } from './drop-report.js'
import { isDropped, isHalfDropped, standingFile } from './dropped.js'
import { Mutex } from './mutex.js'
import type { Peer } from './peer.js'
import { readChallenged } from './prove.js'
import { verifyPaths } from './verify-pass.js'

/** So many entries are read from the index at a time, and so many files are dropped together. */
const PAGE_ENTRIES = 256
const FILES_AT_ONCE = 64
/** For how many files proofs are asked at once: each holds some bytes of its own. */
const PROOFS_AT_ONCE = 8

export interface DropperParts {
  readonly folderPublicKey: Uint8Array
  /** This device's public key. */
  readonly device: Uint8Array
  readonly peers: () => Iterable<Peer>
  /** Something is to change at the path. */
  readonly isWanted: (path: RelativePath) => boolean
}

export interface DropOptions {
  /** How many other devices must prove that they hold a file. */
  readonly copies: number
  /** Only finds out what would be dropped. */
  readonly isDryRun: boolean
  readonly signal?: AbortSignal
}

/** A file that is to be dropped, as it stood when it was begun. */
interface Candidate {
  readonly path: RelativePath
  readonly entry: Entry
}

/**
 * Drops files from this disk that other devices hold, and proves to others that this one holds theirs.
 *
 * What makes it safe (invariant S1): from before a device asks for the first proof about a file until it has dropped it or given up, it proves to nobody
 * that it holds it. So of all devices that drop a file, the one that began last had its proofs from devices that never dropped it: they still hold it, and
 * they are as many as it asked for. No clock and no promise is needed for it, and a crash changes nothing, since a proof is made of the bytes on the disk.
 */
export class Dropper {
  readonly #context: FolderContext
  readonly #parts: DropperParts
  readonly #dropping = new Set<RelativePath>()
  /** Proofs are made one after the other: each reads up to some MiB. */
  readonly #proving = new Mutex()

  constructor(context: FolderContext, parts: DropperParts) {
    this.#context = context
    this.#parts = parts
  }

  /**
   * Drops files (those at and below `paths`; undefined: all) of which enough other devices prove, now, that they hold them. A file that changes meanwhile, that
   * somebody has open, or that is not sound stays. Rejects with NO_PATH where nothing of the folder stands at a path, NO_PEER where nobody is connected, and with
   * what ends a folder.
   */
  async drop(paths: readonly (RelativePath | undefined)[], options: DropOptions): Promise<DropReport> {
    for (const path of paths)
      if (path !== undefined && !isLive(this.#context.store.get(path)?.record))
        throw new BackerError('NO_PATH', `the folder has nothing at ${path}`, { path })
    if ([...this.#parts.peers()].length === 0)
      throw new BackerError('NO_PEER', 'no other device is connected that could prove what it holds', {
        hint: 'Files are dropped only while devices that have them are connected.'
      })
    const count = new DropCount(options.isDryRun)
    for (const path of new Set(paths))
      for await (const files of this.#filesAt(path, count)) {
        if (options.signal?.aborted === true || this.#context.closed.aborted) return count.report()
        await this.#dropSome(files, options, count)
      }
    return count.report()
  }

  /** This device's proof for another one; undefined where it does not hold the file, or is about to drop it. Never rejects but with what ends the folder. */
  prove(asker: string, question: HoldQuestion): Promise<Uint8Array | undefined> {
    return this.#proving.run(async () => {
      const standing = this.#standing(question)
      if (standing === undefined) return undefined
      const pieces = await readChallenged(this.#context, question.path, standing, question)
      // What is here must not be dropped behind the proof: whoever begins to from now on needs proofs of others.
      const now = this.#standing(question)
      if (pieces === undefined || now === undefined || !sameStamp(now.stamp, standing.stamp)) return undefined
      const { folderPublicKey, device } = this.#parts
      return holdProof({ folderPublicKey, holder: device, asker: Buffer.from(asker, 'hex') }, question, pieces)
    })
  }

  /** Finds out what became of a file that was about to be dropped when something went wrong, and puts that down. */
  async settle(path: RelativePath): Promise<void> {
    const { ledger, store, disk, onFatal, onSuspectPath, closed } = this.#context
    try {
      await ledger.lock.run(async () => {
        const entry = store.get(path)
        if (!isHalfDropped(entry) || closed.aborted) return
        const [there] = await disk.stat([path])
        if (there === 'unknown' || !(await disk.checkMarker())) return
        const { record, stamp, lack } = entry
        // Another stamp than the disk shows: so the next look reads it, and knows it for what it was.
        const after =
          there === undefined ? { record, stamp: undefined, lack } : { record, stamp: { ...stamp, ctimeNs: 0n } }
        await ledger.commit([{ path, entry: after }], new Map())
        if (there !== undefined) onSuspectPath(path)
      })
    } catch (error) {
      if (!closed.aborted) onFatal(error)
    }
  }

  /** The file that a question is about, where it stands here as it should and is to stay. */
  #standing({ path, content, size }: HoldQuestion): ReturnType<typeof standingFile> {
    const { store, isStopped, ignore } = this.#context
    if (isStopped() || this.#dropping.has(path) || ignore().ignores(path, false)) return undefined
    const standing = standingFile(store.get(path))
    const isMeant = standing?.payload.size === size && hashesEqual(standing.payload.content.root, content)
    return isMeant ? standing : undefined
  }

  /**
   * The files at and below a path that stand here, batch by batch; those that do not are counted. LIMIT: below a directory, paths that are too long for a key of the index
   * are passed over.
   */
  async *#filesAt(at: RelativePath | undefined, count: DropCount): AsyncGenerator<readonly Candidate[]> {
    const { runtime } = this.#context
    let files: Candidate[] = []
    for await (const [path, entry] of this.#entriesAt(at)) {
      if (isDropped(entry)) count.unchanged()
      if (standingFile(entry) !== undefined) files.push({ path, entry })
      if (files.length < FILES_AT_ONCE) continue
      yield files
      files = []
      await runtime.timers.breathe()
    }
    if (files.length > 0) yield files
  }

  async *#entriesAt(at: RelativePath | undefined): AsyncGenerator<readonly [RelativePath, Entry]> {
    const { store, runtime } = this.#context
    const entry = at === undefined ? undefined : store.get(at)
    if (at !== undefined && entry !== undefined) {
      yield [at, entry]
      if (payloadOf(entry.record).kind !== 'directory') return
    }
    let after = at
    for (;;) {
      const page = store.page(after, PAGE_ENTRIES)
      for (const [path, found] of page) {
        if (at !== undefined && !isBelow(path, at)) return
        yield [path, found]
      }
      after = page.at(-1)?.[0]
      if (after === undefined) return
      await runtime.timers.breathe()
    }
  }

  async #dropSome(files: readonly Candidate[], options: DropOptions, count: DropCount): Promise<void> {
    const sound = await this.#soundOf(files, count)
    const mine = sound.filter(({ path }) => !this.#dropping.has(path))
    for (const { path } of sound)
      if (!mine.some(one => one.path === path)) count.kept(path, 'it is being dropped already')
    for (const { path } of mine) this.#dropping.add(path)
    try {
      const proven: Candidate[] = []
      for (let start = 0; start < mine.length; start += PROOFS_AT_ONCE) {
        const some = mine.slice(start, start + PROOFS_AT_ONCE)
        const problems = await Promise.all(some.map(file => this.#lackOfProofs(file, options.copies)))
        some.forEach((file, i) => {
          const problem = problems[i]
          if (problem === undefined) proven.push(file)
          else count.kept(file.path, problem)
        })
      }
      if (options.isDryRun) for (const file of proven) count.dropped(file.path, sizeOf(file))
      else await this.#letGo(proven, count)
    } finally {
      for (const { path } of mine) this.#dropping.delete(path)
    }
  }

  /** Those that are just what the index says, byte for byte: what somebody changed without leaving a trace is not dropped. */
  async #soundOf(files: readonly Candidate[], count: DropCount): Promise<Candidate[]> {
    const { ignore } = this.#context
    const eligible = files.filter(({ path }) => {
      const why = ignore().ignores(path, false)
        ? 'it is ignored'
        : this.#parts.isWanted(path)
          ? 'it is about to change'
          : undefined
      if (why !== undefined) count.kept(path, why)
      return why === undefined
    })
    const { files: verified } = await verifyPaths(
      this.#context,
      eligible.map(({ path }) => path)
    )
    const verdicts = new Map(verified.map(({ path, verdict }) => [path, verdict.kind]))
    return eligible.filter(({ path }) => {
      const verdict = verdicts.get(path)
      if (verdict === 'damaged') this.#context.onDoubtful(path)
      if (verdict !== 'sound') count.kept(path, verdict === 'damaged' ? 'it is damaged here' : 'it has just changed')
      return verdict === 'sound'
    })
  }

  /** Asks others for proofs until there are enough. Gives a sentence where there are not. */
  async #lackOfProofs({ path, entry }: Candidate, copies: number): Promise<string | undefined> {
    const standing = standingFile(entry)
    if (standing === undefined) return 'it has just changed'
    const nonce = this.#context.runtime.random.bytes(NONCE_BYTES)
    const pieces = await readChallenged(this.#context, path, standing, { nonce })
    if (pieces === undefined) return 'it could not be read'
    const { content, size } = standing.payload
    const question = { path, content: content.root, size, nonce }
    let proofs = 0
    for (const peer of [...this.#parts.peers()]) {
      if (proofs >= copies) break
      if (await this.#proves(peer, question, pieces)) proofs++
    }
    if (proofs >= copies) return undefined
    return `${proofs} of ${copies} other devices proved that they have it`
  }

  async #proves(peer: Peer, question: HoldQuestion, pieces: readonly Uint8Array[]): Promise<boolean> {
    const { folderPublicKey, device } = this.#parts
    try {
      const proof = await peer.link.requestHold(question)
      const parties = { folderPublicKey, holder: Buffer.from(peer.id, 'hex'), asker: device }
      return proof !== undefined && isSameProof(proof, holdProof(parties, question, pieces))
    } catch (error) {
      this.#context.runtime.trace(`${peer.name} did not prove what it holds: ${messageOf(error)}`)
      return false
    }
  }

  /**
   * Removes files that others hold, under the ledger's lock. That they are about to go is durable before any goes, so that a crash never makes
   * what this device did look like a delete; what came out of its place is looked at before it is let go of.
   */
  async #letGo(files: readonly Candidate[], count: DropCount): Promise<void> {
    const { ledger, store, disk, isStopped, onFatal } = this.#context
    if (files.length === 0) return
    await ledger.lock.run(async () => {
      const going = files.filter(file => !isStopped() && this.#isAsBefore(file, store.get(file.path)))
      for (const { path } of files) if (!going.some(one => one.path === path)) count.kept(path, 'it has just changed')
      if (going.length === 0) return
      ledger.noteInstall()
      for (const { path } of going) ledger.busy.add(path)
      try {
        await ledger.commit(going.map(dropping), new Map())
        const results = await disk.install(going.map(removal))
        await ledger.commit(
          going.map((file, i) => this.#concluded(file, results[i], count)),
          new Map()
        )
      } catch (error) {
        // Before anybody else has the lock, and takes what is half done for the user's doing.
        onFatal(error)
        throw error
      } finally {
        for (const { path } of going) ledger.busy.delete(path)
      }
    })
  }

  #isAsBefore({ path, entry }: Candidate, now: Entry | undefined): boolean {
    const [before, standing] = [standingFile(entry), standingFile(now)]
    if (before === undefined || standing === undefined || now === undefined || this.#parts.isWanted(path)) return false
    return sameStamp(before.stamp, standing.stamp) && sameRecord(entry.record, now.record)
  }

  #concluded({ path, entry }: Candidate, result: InstallResult | undefined, count: DropCount): EntryChange {
    if (result?.kind === 'done') {
      count.dropped(path, sizeOf({ path, entry }))
      return { path, entry: { record: entry.record, stamp: undefined, lack: { kind: 'dropped' } } }
    }
    this.#context.onSuspectPath(path)
    count.kept(path, result?.kind === 'failed' ? result.problem.message : 'it has just changed')
    return { path, entry: { record: entry.record, stamp: entry.stamp } }
  }
}

function sizeOf({ entry }: Candidate): number {
  const payload = payloadOf(entry.record)
  return payload.kind === 'file' ? payload.size : 0
}

function dropping({ path, entry: { record, stamp } }: Candidate): EntryChange {
  return { path, entry: { record, stamp, lack: { kind: 'dropped' } } }
}

function removal({ path, entry: { stamp } }: Candidate): InstallStep {
  const expected = stamp === undefined ? ({ kind: 'nothing' } as const) : ({ kind: 'stamped', stamp } as const)
  return { kind: 'remove', path, expected, displaced: { kind: 'nothing' } }
}
