import { hashesEqual, type Hash } from '../core/model/hash.js'
import { comparePaths, type RelativePath } from '../core/model/path.js'
import { payloadOf, sameContent, type FilePayload, type Record } from '../core/model/record.js'
import { diffTrees } from '../core/tree/diff.js'
import { EMPTY_ROOT } from '../core/tree/node.js'
import { getRecord, iterate, subtreeSums } from '../core/tree/read.js'
import type { Sums } from '../core/tree/sums.js'
import { BackerError } from '../core/error.js'
import type { FolderContext } from './context.js'
import { FetchedNodes, fetchNodes } from './fetch-nodes.js'
import type { Holding } from './holdings.js'
import type { Peer } from './peer.js'
import { COPIES_SAMPLE, type CopiesStatus } from './status.js'

/** After how many differences others have their turn. */
const BREATH = 256
/** How many entries are looked at to name some files. */
const LOOKED_AT = 1000

/** A device whose files are counted. `peer`: where it is connected, so that it can be asked for nodes of its trees. */
export interface CountedDevice {
  readonly holding: Holding
  readonly peer: Peer | undefined
}

/** A file of this device's tree that a device does not hold. */
interface Missing {
  readonly path: RelativePath
  readonly size: number
}

export type CopiesCount = Omit<CopiesStatus, 'current'>

/**
 * Counts on how many devices the content of each file lies: on this one, which holds `own`, and on the `others`, as they say. A content counts where it
 * stands at the file's own path. Reads only what the trees differ in. Rejects with UNAVAILABLE where a tree is not to be had, with what the connection
 * throws, and with TREE_CORRUPT, MALFORMED, LIMIT or BAD_PATH where a device has told of a tree that is none: `onwrong` hears which device it was.
 */
export async function tallyCopies(
  context: FolderContext,
  own: Pick<Holding, 'root' | 'lacks'>,
  others: readonly CountedDevice[],
  onwrong: (other: CountedDevice, error: unknown) => void
): Promise<CopiesCount> {
  const { store } = context
  const isDropped = (path: RelativePath): boolean => store.get(path)?.lack?.kind === 'dropped'
  const count = new Count(others.length + 1, isDropped)
  const rows = [
    missingHere(context, own),
    ...others.map(other => blaming(missingAt(context, own.root, other), error => onwrong(other, error)))
  ]
  for await (const [missing, at] of together(rows)) count.note(missing, at)
  if (others.length === 0) noteAlone(context, own.root, count)
  return count.of(subtreeSums(hash => store.node(hash), own.root, undefined))
}

/** Without others, what was not noted lies here alone: some of it is named. */
function noteAlone({ store }: FolderContext, root: Hash, count: Count): void {
  let looked = 0
  for (const [path, record] of iterate(hash => store.node(hash), root)) {
    if (count.sample.length >= COPIES_SAMPLE || ++looked > LOOKED_AT) return
    const isHere = store.get(path)?.stamp !== undefined && store.get(path)?.lack === undefined
    if (fileOf(record) !== undefined && isHere) count.sample.push(path)
  }
}

class Count {
  readonly #devices: number
  readonly #isDropped: (path: RelativePath) => boolean
  readonly #counts: number[]
  readonly #onlyHere = { files: 0, bytes: 0 }
  readonly #dropped = { files: 0, bytes: 0 }
  /** Some of the files that lie here alone. */
  readonly sample: string[] = []
  readonly #noted = { files: 0, bytes: 0 }

  constructor(devices: number, isDropped: (path: RelativePath) => boolean) {
    this.#devices = devices
    this.#isDropped = isDropped
    this.#counts = new Array<number>(devices + 1).fill(0)
  }

  /** A file that the devices with these numbers do not hold; 0 is this one. */
  note({ path, size }: Missing, at: readonly number[]): void {
    const copies = this.#devices - at.length
    add(this.#noted, size)
    this.#counts[copies] = (this.#counts[copies] ?? 0) + 1
    if (at[0] === 0) {
      if (this.#isDropped(path)) add(this.#dropped, size)
    } else if (copies === 1) this.#noteOnlyHere(path, size)
  }

  #noteOnlyHere(path: RelativePath, size: number): void {
    add(this.#onlyHere, size)
    if (this.sample.length < COPIES_SAMPLE) this.sample.push(path)
  }

  /** The whole, where the tree has so many files of so many bytes. */
  of({ files, bytes }: Sums): CopiesCount {
    const rest = { files: Math.max(0, files - this.#noted.files), bytes: Math.max(0, bytes - this.#noted.bytes) }
    const counts = this.#counts.map((count, copies) => (copies === this.#devices ? count + rest.files : count))
    const fewest = counts.findIndex(count => count > 0)
    const onlyHere = this.#devices === 1 ? rest : this.#onlyHere
    return {
      devices: this.#devices,
      counts,
      ...(fewest < 0 ? {} : { fewest }),
      onlyHere: { ...onlyHere, sample: this.sample },
      dropped: this.#dropped
    }
  }
}

function add(sums: { files: number; bytes: number }, size: number): void {
  sums.files++
  sums.bytes += size
}

/** Several rows of files, each in the order of paths, as one: each path once, with the numbers of the rows that have it. */
async function* together(
  rows: readonly AsyncGenerator<Missing>[]
): AsyncGenerator<readonly [Missing, readonly number[]]> {
  const heads = await Promise.all(rows.map(async row => (await row.next()).value as Missing | undefined))
  for (;;) {
    let first: Missing | undefined
    for (const head of heads)
      if (head !== undefined && (first === undefined || comparePaths(head.path, first.path) < 0)) first = head
    if (first === undefined) return
    const at: number[] = []
    for (const [i, row] of rows.entries()) {
      if (heads[i]?.path !== first.path) continue
      at.push(i)
      heads[i] = (await row.next()).value as Missing | undefined
    }
    yield [first, at]
  }
}

async function* blaming(row: AsyncGenerator<Missing>, onwrong: (error: unknown) => void): AsyncGenerator<Missing> {
  try {
    yield* row
  } catch (error) {
    onwrong(error)
    throw error
  }
}

/** The files whose content is not on this disk. */
async function* missingHere(context: FolderContext, own: Pick<Holding, 'lacks'>): AsyncGenerator<Missing> {
  for await (const { path, b } of differences(context, EMPTY_ROOT, own.lacks, undefined)) {
    const file = fileOf(b)
    if (file !== undefined) yield { path, size: file.size }
  }
}

/** The files of this device's tree that another device does not hold: those that its tree lacks or has with other content, and those that are not on its disk. */
async function* missingAt(
  context: FolderContext,
  ownRoot: Hash,
  { holding, peer }: CountedDevice
): AsyncGenerator<Missing> {
  const rows = [differing(context, ownRoot, holding.root, peer), lacking(context, ownRoot, holding.lacks, peer)]
  for await (const [missing] of together(rows)) yield missing
}

async function* differing(
  context: FolderContext,
  own: Hash,
  other: Hash,
  peer: Peer | undefined
): AsyncGenerator<Missing> {
  for await (const { path, a, b } of differences(context, own, other, peer)) {
    const file = fileOf(a)
    if (file !== undefined && (b === undefined || !sameContent(file, payloadOf(b)))) yield { path, size: file.size }
  }
}

async function* lacking(
  context: FolderContext,
  own: Hash,
  lacks: Hash,
  peer: Peer | undefined
): AsyncGenerator<Missing> {
  for await (const { path, b } of differences(context, EMPTY_ROOT, lacks, peer)) {
    const file = fileOf(getRecord(hash => context.store.node(hash), own, path))
    if (file !== undefined && b !== undefined && sameContent(file, payloadOf(b))) yield { path, size: file.size }
  }
}

interface Difference {
  readonly path: RelativePath
  readonly a: Record | undefined
  readonly b: Record | undefined
}

/** Where two trees differ. Nodes that are not here are asked of `peer`. Lets others have their turn. */
async function* differences(
  { store, runtime, closed }: FolderContext,
  a: Hash,
  b: Hash,
  peer: Peer | undefined
): AsyncGenerator<Difference> {
  if (hashesEqual(a, b)) return
  const fetched = new FetchedNodes(store)
  let count = 0
  for (const step of diffTrees(hash => fetched.get(hash) ?? store.node(hash), a, b)) {
    if (closed.aborted) throw new BackerError('CLOSED', 'the folder is being closed')
    if (step.kind === 'wanted') {
      if (peer === undefined || peer.closed)
        throw new BackerError('UNAVAILABLE', 'a tree that a device told of is not here any more')
      await fetched.add(await fetchNodes(peer, step.hashes))
    } else if (step.kind === 'differs') yield step
    if (step.kind === 'pause' || ++count % BREATH === 0) await runtime.timers.breathe()
  }
  await fetched.written()
}

function fileOf(record: Record | undefined): FilePayload | undefined {
  const payload = record === undefined ? undefined : payloadOf(record)
  return payload?.kind === 'file' ? payload : undefined
}
