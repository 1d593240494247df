import { reconcile } from '../../lib/core/engine/reconcile.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { payloadOf, type Payload, type Record } from '../../lib/core/model/record.js'
import type { Stamp } from '../../lib/core/model/stamp.js'
import type { Disk, DiskTraits } from '../../lib/disk/disk.js'
import { parseIgnore } from '../../lib/disk/ignore.js'
import { writeAt, type FolderContext } from '../../lib/folder/context.js'
import { Installer } from '../../lib/folder/installer.js'
import { Ledger } from '../../lib/folder/ledger.js'
import type { Peer } from '../../lib/folder/peer.js'
import { Problems } from '../../lib/folder/problems.js'
import { Want } from '../../lib/folder/want.js'
import type { Runtime } from '../../lib/runtime.js'
import { MemoryIndex, MemoryStore } from '../../lib/store/memory.js'
import { SeededRandom } from '../sim/random.js'
import { ModelDisk } from './model-disk.js'

const IGNORE = parseIgnore(undefined)
const TRAITS: DiskTraits = {
  foldsCase: false,
  foldsUnicode: false,
  hasSymlinks: true,
  hasModes: true,
  canExchange: true
}
const NO_BYTES = new Uint8Array(0)

/** One device's planner: the real one, over an index in memory and a disk that is a map. */
export class PlannerDevice {
  readonly index = new MemoryIndex()
  readonly disk = new ModelDisk()
  readonly store: MemoryStore
  /** Stands for this device where others note who told them something. */
  readonly asPeer: Peer
  readonly #context: FolderContext
  readonly #installer: Installer
  readonly #wants = new Map<RelativePath, Want>()

  constructor(seed: string) {
    const random = new SeededRandom(seed)
    const timers = { after: () => ({ cancel: () => undefined }), breathe: () => Promise.resolve() }
    this.store = new MemoryStore(this.index, { random, timers })
    // Nothing is ever asked of it: wants only tell peers apart.
    this.asPeer = { id: seed } as unknown as Peer
    const runtime: Runtime = { random, timers, clock: { now: () => 0, monotonic: () => 0 }, trace: () => undefined }
    this.#context = this.#makeContext(runtime)
    this.#installer = new Installer(this.#context, {
      hasRemovals: true,
      get: path => this.#wants.get(path),
      decide: (path, remote) => reconcile(this.store.get(path)?.record, remote),
      staged: want => void want.noteStaged()
    })
  }

  /** What a user does at a path, seen at once: `payload` is there now. */
  async write(path: RelativePath, payload: Payload): Promise<void> {
    const stamp = this.#show(path, payload)
    const record = writeAt(this.#context, path, this.store.get(path)?.record, payload)
    await this.#context.ledger.commit([{ path, entry: { record, stamp } }], new Map())
  }

  /** Hears all that others know, and carries out what follows from it, in any order and in batches of any size. Returns how many changes there were. */
  async hear(others: readonly PlannerDevice[], random: SeededRandom): Promise<number> {
    this.#wants.clear()
    let changes = 0
    for (const other of others)
      for (const [path, { record }] of shuffled([...other.index.entries], random))
        changes += await this.#consider(other.asPeer, path, record)
    const wants = shuffled([...this.#wants.values()], random)
    for (const want of wants) this.#refresh(want)
    for (const isRemoval of [false, true]) {
      const some = wants.filter(want => want.isRemoval === isRemoval)
      while (some.length > 0) changes += await this.#install(some.splice(0, random.between(1, 8)))
    }
    return changes
  }

  async #consider(peer: Peer, path: RelativePath, record: Record): Promise<number> {
    const outcome = reconcile(this.store.get(path)?.record, record)
    if (outcome.kind === 'current') return 0
    if (outcome.kind === 'adopt') {
      const stamp = this.store.get(path)?.stamp
      await this.#context.ledger.commit([{ path, entry: { record: outcome.record, stamp } }], new Map())
      return 1
    }
    const want = this.#wants.get(path) ?? new Want(path, outcome)
    want.claim(peer, record)
    this.#wants.set(path, want)
    return 0
  }

  #refresh(want: Want): void {
    const remote = want.remoteRecord()
    const outcome = remote === undefined ? undefined : reconcile(this.store.get(want.path)?.record, remote)
    if (outcome?.kind === 'apply') want.apply = outcome
    want.state = { kind: 'ready', content: { kind: 'bytes', bytes: NO_BYTES } }
  }

  async #install(batch: readonly Want[]): Promise<number> {
    let done = 0
    for (const [want, result] of await this.#installer.install(batch)) {
      if (result.kind !== 'done') continue
      done++
      this.#wants.delete(want.path)
    }
    return done
  }

  #show(path: RelativePath, payload: Payload): Stamp | undefined {
    switch (payload.kind) {
      case 'deleted':
        this.disk.standing.delete(path)
        return undefined
      case 'directory':
        return this.disk.put(path, 'directory', { mode: payload.mode, mtimeNs: 0n, size: 0, content: '' })
      case 'symlink':
        return this.disk.put(path, 'symlink', {
          mode: 0o777,
          mtimeNs: payload.mtimeNs,
          size: 0,
          content: payload.target
        })
      case 'file': {
        const content = Buffer.from(payload.content.root).toString('hex')
        return this.disk.put(path, 'file', { mode: payload.mode, mtimeNs: payload.mtimeNs, size: 0, content })
      }
    }
  }

  #makeContext(runtime: Runtime): FolderContext {
    const nothing = (): undefined => undefined
    const disk: Pick<Disk, 'traits' | 'list' | 'stageSmall' | 'discard' | 'install'> = {
      traits: TRAITS,
      list: directories => Promise.resolve(directories.map(directory => this.disk.list(directory))),
      stageSmall: () => Promise.resolve(),
      discard: () => Promise.resolve(),
      install: steps => Promise.resolve(this.disk.install(steps))
    }
    return {
      // The installer asks for nothing else.
      disk: disk as Disk,
      store: this.store,
      runtime,
      problems: new Problems(nothing),
      ledger: new Ledger(this.store, { oncommit: nothing, onseen: nothing }),
      access: 'write',
      losses: {
        restoringCount: 0,
        isRestoring: () => false,
        found: nothing,
        settled: nothing,
        withhold: missing => Promise.resolve(missing),
        baseRoot: () => Promise.resolve(this.store.root)
      },
      localEdits: { isOn: () => false, replaced: () => Promise.resolve(), expect: nothing },
      ignore: () => IGNORE,
      onChange: nothing,
      onConflict: nothing,
      onFatal: error => {
        throw error
      },
      onMarkerFound: nothing,
      isStopped: () => false,
      hasFailed: () => false,
      onSuspect: nothing,
      onSuspectPath: nothing,
      looked: () => Promise.resolve(),
      onHalfDropped: nothing,
      onDoubtful: nothing,
      role: 'mirror',
      onBlocked: nothing,
      onVerify: nothing,
      watching: nothing,
      closed: new AbortController().signal
    }
  }

  /** What stands at each path, by the index; a path's kind and content. */
  told(): Map<RelativePath, string> {
    const told = new Map<RelativePath, string>()
    for (const [path, { record }] of this.index.entries) {
      const payload = payloadOf(record)
      if (payload.kind === 'directory') told.set(path, 'directory')
      if (payload.kind === 'symlink') told.set(path, `symlink ${payload.target}`)
      if (payload.kind === 'file') told.set(path, `file ${Buffer.from(payload.content.root).toString('hex')}`)
    }
    return told
  }

  /** What stands at each path, by the disk. */
  shown(): Map<RelativePath, string> {
    return new Map(
      [...this.disk.standing].map(([path, { stamp, content }]) => [path, `${stamp.kind} ${content}`.trim()])
    )
  }
}

export function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const [a, b] = [order[i]!, order[j]!]
    order[i] = b
    order[j] = a
  }
  return order
}
