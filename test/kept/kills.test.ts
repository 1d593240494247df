import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type Test } from 'brittle'
import { hashBytes, hashKey } from '../../lib/core/model/hash.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { historyOf } from '../../lib/disk/history.js'
import type { HistoryOperations } from '../../lib/disk/kept.js'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'
import { RottingDisk } from '../make/rotting-disk.js'
import { SeededRandom } from '../sim/random.js'
import { differencesOf, readState, type State } from '../year/model.js'

const DEVICE = fileURLToPath(new URL('device.js', import.meta.url))
const { KILLS = '200', SEED = '1' } = process.env
const FILES = 40
const SNAPSHOTS_MAX = 12
/** How often each thing is done to its end first, to know how long it takes. */
const MEASURED = 3

type What = 'snapshot' | 'tidy' | 'restore' | 'verify'
const WHATS: readonly What[] = ['snapshot', 'tidy', 'restore', 'verify']
/** How many files rot before each look through all of them. */
const ROTTEN = 3

interface Said {
  readonly kind: 'ready' | 'begun' | 'done'
  readonly id?: string
}

/** A device that is killed again and again, and what must never be gone from it. */
class Rig {
  readonly #t: Test
  readonly #random = new SeededRandom(`kills ${SEED}`)
  readonly #base = mkdtempSync(join(tmpdir(), 'backer-kills-'))
  readonly #disk: RottingDisk
  readonly root: string
  /** The states that the device has said are kept, by the snapshot's id. */
  readonly #kept = new Map<string, State>()
  readonly #revisions = new Set<string>()
  readonly #took: Record<What, number[]> = { snapshot: [], tidy: [], restore: [], verify: [] }
  readonly kills: Record<What, number> = { snapshot: 0, tidy: 0, restore: 0, verify: 0 }
  mended = 0
  #edits = 0

  constructor(t: Test) {
    this.#t = t
    t.teardown(() => rmSync(this.#base, { recursive: true, force: true }), { order: 100 })
    this.#disk = new RottingDisk(t, this.#base, this.#random)
    this.root = join(this.#disk.at, 'folder')
    mkdirSync(this.root)
  }

  get killCount(): number {
    return WHATS.reduce((sum, what) => sum + this.kills[what], 0)
  }

  /** Somebody edits, the device starts, does one thing, and is killed in the middle of it; then everything is looked at. */
  async round(what: What): Promise<void> {
    for (let i = 0; i < 4; i++) this.#edit()
    const rotten = await this.#killed(what)
    if (rotten.size > 0) await this.#mend(rotten)
  }

  #fork(): ChildProcess {
    return fork(DEVICE, [this.root, join(this.#base, 'home')], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  }

  /** Gives what files held whose disk had rotted under them, and what they should hold. */
  async #killed(what: What): Promise<ReadonlyMap<string, Rotten>> {
    const child = this.#fork()
    const killed = once(child, 'exit')
    try {
      await said(child, 'ready')
      const before = readState(this.root)
      this.#noteRevisions()
      const id = await this.#prepare(child, what)
      const rotten = what === 'verify' ? this.#rot(before) : new Map<string, Rotten>()
      child.send({ what, id })
      await said(child, 'begun')
      const wasDone = await this.#killWithin(child, what)
      await killed
      if (!wasDone) this.kills[what]++
      this.#check(what, before, { after: this.#kept.get(id ?? ''), rotten })
      return rotten
    } finally {
      child.kill('SIGKILL')
      await killed
    }
  }

  /** Some files rot, of which a copy is held. */
  #rot(before: State): ReadonlyMap<string, Rotten> {
    const files = [...before].flatMap(([path, item]) => (item.kind === 'file' && item.bytes.length > 0 ? [path] : []))
    const chosen = files.sort(() => this.#random.below(3) - 1).slice(0, ROTTEN)
    const held = this.#disk.rot(chosen.map(path => join(this.root, path)))
    return new Map(
      chosen.map(path => {
        const item = before.get(path)
        const sound = item?.kind === 'file' ? item.bytes : Buffer.alloc(0)
        return [path, { sound, now: held.get(join(this.root, path)) ?? sound }]
      })
    )
  }

  /** Another look, to its end: all that has rotted is as it was, and what it had become is put aside. */
  async #mend(rotten: ReadonlyMap<string, Rotten>): Promise<void> {
    const child = this.#fork()
    const ended = once(child, 'exit')
    try {
      await said(child, 'ready')
      child.send({ what: 'verify' })
      await said(child, 'done')
    } finally {
      child.kill('SIGKILL')
      await ended
    }
    const aside = readState(join(this.root, '.backer/damaged'))
    for (const [path, { sound, now }] of rotten) {
      if (!readFileSync(join(this.root, path)).equals(sound)) this.#t.fail(`${path} was not mended`)
      if (![...aside.values()].some(item => item.kind === 'file' && item.bytes.equals(now)))
        this.#t.fail(`what ${path} had become is gone`)
      this.mended++
    }
  }

  /** For a sweep there has to be something to remove; a restore has to be of something. */
  async #prepare(child: ChildProcess, what: What): Promise<string | undefined> {
    const ids = [...this.#kept.keys()]
    if (what === 'restore') return ids[this.#random.below(ids.length)]
    const oldest = ids[0]
    if (what === 'tidy' && oldest !== undefined && ids.length > SNAPSHOTS_MAX) {
      this.#kept.delete(oldest)
      child.send({ what: 'remove', id: oldest })
      await said(child, 'done')
    }
    return undefined
  }

  /** Kills it at some moment before it usually is done; true where it was quicker. */
  async #killWithin(child: ChildProcess, what: What): Promise<boolean> {
    const took = this.#took[what]
    const begin = performance.now()
    const done = said(child, 'done').then(
      () => true,
      () => false
    )
    if (took.length < MEASURED) {
      await done
      took.push(performance.now() - begin)
      child.kill('SIGKILL')
      return true
    }
    const usualMs = [...took].sort((a, b) => a - b)[1] ?? 1
    const delayMs = (usualMs * this.#random.below(1000)) / 1000
    const isEarly = await Promise.race([done, new Promise<false>(resolve => setTimeout(() => resolve(false), delayMs))])
    child.kill('SIGKILL')
    return isEarly
  }

  #edit(): void {
    const path = join(this.root, `d${this.#random.below(5)}`, `f${this.#random.below(FILES)}`)
    if (this.#random.oneIn(5)) rmSync(path, { force: true })
    else {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, `${this.#edits} `.repeat(this.#random.between(1, 4000)))
    }
    this.#edits++
  }

  #noteRevisions(): void {
    for (const { storedAt } of revisionsIn(this.#history())) this.#revisions.add(storedAt)
  }

  #history(): HistoryOperations {
    const fs = openFileSystem()
    return historyOf(fs, fs.openRoot(this.root))
  }

  /** Nothing that was kept is gone, all of it is whole, and the folder shows whole versions alone. */
  #check(
    what: What,
    before: State,
    { after, rotten }: { readonly after: State | undefined; readonly rotten: ReadonlyMap<string, Rotten> }
  ): void {
    const history = this.#history()
    const { snapshots, damaged } = history.snapshots()
    const problems = damaged.map(id => `snapshot ${id} is damaged`)
    const found = new Set(snapshots.map(({ id }) => id))
    // One that was made and not told yet shows what stood there. What a restore made before it began is left to the rule.
    for (const { id, kind } of snapshots) if (kind === 'manual' && !this.#kept.has(id)) this.#kept.set(id, before)
    for (const id of this.#kept.keys()) if (!found.has(id)) problems.push(`snapshot ${id} is gone`)
    for (const { id, root } of snapshots) if (this.#kept.has(id)) problems.push(...this.#lacking(history, id, root))
    const kept = revisionsIn(history)
    for (const storedAt of this.#revisions)
      if (!kept.some(one => one.storedAt === storedAt)) problems.push(`revision ${storedAt} is gone`)
    for (const { storedAt, manifest } of kept)
      if (manifest?.kind === 'file' && manifest.size > 0 && history.chunk(manifest.content.root) === undefined)
        problems.push(`the content of ${storedAt} is gone`)
    const shown = readState(this.root)
    for (const path of differencesOf(before, shown))
      if (!isShown(shown, path, rotten.get(path)?.now) && (after === undefined || !sameAt(after, shown, path)))
        problems.push(`${path} shows something else`)
    const { damaged: bad } = history.sweep({ held: contentsOf(before), share: 1, untouchableMs: Infinity })
    problems.push(...bad.map(name => `${name} can't be read`))
    if (problems.length > 0) this.#t.fail(`after a kill in ${what}: ${problems.slice(0, 5).join('; ')}`)
  }

  /** What of a snapshot is not to be had as it was: everything in it has one chunk, whose hash is its content's root. */
  #lacking(history: HistoryOperations, id: string, root: Parameters<HistoryOperations['node']>[0]): string[] {
    const state = this.#kept.get(id)
    const { items } = history.treeBelow({ root, directory: undefined, after: undefined, limit: 10_000 })
    const files = items.filter(({ payload }) => payload.kind === 'file')
    if (files.length !== state?.size) return [`snapshot ${id} has ${files.length} files instead of ${state?.size}`]
    return files.flatMap(({ path, payload }) => {
      const standing = state.get(path)
      if (payload.kind !== 'file' || standing?.kind !== 'file') return [`${id} ${path} is another kind`]
      if (hashKey(hashBytes(standing.bytes)) !== hashKey(payload.content.root)) return [`${id} ${path} is another one`]
      return payload.size > 0 && history.chunk(payload.content.root) === undefined ? [`${id} ${path} is gone`] : []
    })
  }
}

/** A file whose disk has rotted under it. */
interface Rotten {
  readonly sound: Buffer
  readonly now: Buffer
}

/** The roots of all contents, one behind the other: of these the device holds copies. Each is one chunk. */
function contentsOf(state: State): Uint8Array {
  return Buffer.concat([...state.values()].flatMap(item => (item.kind === 'file' ? [hashBytes(item.bytes)] : [])))
}

function isShown(state: State, path: string, bytes: Buffer | undefined): boolean {
  const item = state.get(path)
  return bytes !== undefined && item?.kind === 'file' && item.bytes.equals(bytes)
}

function sameAt(a: State, b: State, path: string): boolean {
  const [x, y] = [a.get(path), b.get(path)]
  return x?.kind === 'file' && y?.kind === 'file' && x.bytes.equals(y.bytes)
}

function revisionsIn(history: HistoryOperations): ReturnType<HistoryOperations['list']>['revisions'] {
  const waiting: (RelativePath | undefined)[] = [undefined]
  const all: ReturnType<HistoryOperations['list']>['revisions'][number][] = []
  while (waiting.length > 0) {
    const { revisions, directories } = history.list(waiting.pop())
    all.push(...revisions)
    waiting.push(...directories)
  }
  return all
}

/** Resolves with what the device says of that kind; rejects where it ends first. */
function said(child: ChildProcess, kind: Said['kind']): Promise<Said> {
  return new Promise((resolve, reject) => {
    const listen = (message: Said): void => {
      if (message.kind !== kind) return
      child.off('message', listen)
      child.off('exit', end)
      resolve(message)
    }
    const end = (): void => reject(new Error(`it ended before it was ${kind}`))
    child.on('message', listen)
    child.once('exit', end)
  })
}

test(
  `${KILLS} kills in the middle of sweeps, snapshots, restores and looks through all files (seed ${SEED})`,
  { timeout: 3_500_000 },
  async t => {
    const rig = new Rig(t)
    await rig.round('snapshot')
    for (let i = 0; rig.killCount < Number(KILLS) && i < 10 * Number(KILLS); i++)
      await rig.round(WHATS[i % WHATS.length] ?? 'snapshot')
    t.comment(JSON.stringify(rig.kills))
    t.ok(rig.killCount >= Number(KILLS), `${rig.killCount} kills`)
    t.ok(rig.mended >= ROTTEN * rig.kills.verify, `${rig.mended} files were mended`)
    for (const what of WHATS) t.ok(rig.kills[what] >= Number(KILLS) / 10, `${rig.kills[what]} in ${what}`)
  }
)
