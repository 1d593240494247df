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
import { COPIES_SAMPLE, LACKING_SAMPLE, type CopiesStatus } from './status.js'

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
  /** Its tree has it, and its disk does not. */
  readonly isOffDisk?: true
}

/** What a device does not have of the files of this one, because its tree differs. */
export interface CountedLack {
  readonly device: string
  readonly files: number
  readonly bytes: number
  /** Some of their paths. */
  readonly sample: readonly string[]
}

/** What a tally found. */
export interface CopiesCount {
  readonly copies: Omit<CopiesStatus, 'current'>
  readonly lacks: readonly CountedLack[]
}

/** What a tally tells while it goes on. */
export interface TallyListener {
  /** A device has told of a tree that is none, or does not give it. */
  readonly onwrong: (other: CountedDevice, error: unknown) => void
  /** A device that is not connected has another record at a path. */
  readonly onother: (device: string, path: RelativePath, record: Record) => void
}

/**
 * Counts on how many devices the content of each file lies: on this one, which holds `own`, and on the `others`, as they say. A content counts where it
 * stands at the file's own path. Reads only what the trees differ in. Rejects with UNAVAILABLE where a tree is not to be had, with what the connection
 * throws, and with TREE_CORRUPT, MALFORMED, LIMIT or BAD_PATH where a device has told of a tree that is none.
 */
export async function tallyCopies(
  context: FolderContext,
  own: Pick<Holding, 'root' | 'lacks'>,
  others: readonly CountedDevice[],
  { onwrong, onother }: TallyListener
): Promise<CopiesCount> {
  const { store } = context
  const isDropped = (path: RelativePath): boolean => store.get(path)?.lack?.kind === 'dropped'
  const count = new Count(
    others.map(({ holding }) => holding.device),
    isDropped
  )
  const rows = [
    missingHere(context, own),
    ...others.map(other => blaming(missingAt(context, own.root, other, onother), error => onwrong(other, error)))
  ]
  for await (const [missing, at, found] of together(rows)) {
    count.note(missing, at)
    for (const [i, row] of at.entries()) if (row > 0 && found[i]?.isOffDisk !== true) count.noteLack(row - 1, missing)
  }
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
  readonly #lacks: readonly { readonly device: string; files: number; bytes: number; readonly sample: string[] }[]

  constructor(others: readonly string[], isDropped: (path: RelativePath) => boolean) {
    this.#devices = others.length + 1
    this.#isDropped = isDropped
    this.#counts = new Array<number>(this.#devices + 1).fill(0)
    this.#lacks = others.map(device => ({ device, files: 0, bytes: 0, sample: [] }))
  }

  /** A file that another device (by its number from 0) does not have in its tree. */
  noteLack(other: number, { path, size }: Missing): void {
    const lack = this.#lacks[other]
    if (lack === undefined) return
    add(lack, size)
    if (lack.sample.length < LACKING_SAMPLE) lack.sample.push(path)
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
    const copies = {
      devices: this.#devices,
      counts,
      ...(fewest < 0 ? {} : { fewest }),
      onlyHere: { ...onlyHere, sample: this.sample },
      dropped: this.#dropped
    }
    return { copies, lacks: this.#lacks.filter(lack => lack.files > 0) }
  }
}

function add(sums: { files: number; bytes: number }, size: number): void {
  sums.files++
  sums.bytes += size
}

/** Several rows of files, each in the order of paths, as one: each path once, with the numbers of the rows that have it, and what they have. */
async function* together(
  rows: readonly AsyncGenerator<Missing>[]
): AsyncGenerator<readonly [Missing, readonly number[], readonly Missing[]]> {
  const heads = await Promise.all(rows.map(async row => (await row.next()).value as Missing | undefined))
  for (;;) {
    let first: Missing | undefined
    for (const head of heads)
      if (head !== undefined && (first === undefined || comparePaths(head.path, first.path) < 0)) first = head
    if (first === undefined) return
    const at: number[] = []
    const found: Missing[] = []
    for (const [i, row] of rows.entries()) {
      const head = heads[i]
      if (head?.path !== first.path) continue
      at.push(i)
      found.push(head)
      heads[i] = (await row.next()).value as Missing | undefined
    }
    yield [first, at, found]
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
  { holding, peer }: CountedDevice,
  onother: TallyListener['onother']
): AsyncGenerator<Missing> {
  const tell =
    peer === undefined ? (path: RelativePath, record: Record) => onother(holding.device, path, record) : undefined
  const rows = [
    differing(context, ownRoot, holding.root, { peer, tell }),
    lacking(context, ownRoot, holding.lacks, peer)
  ]
  for await (const [missing] of together(rows)) yield missing
}

async function* differing(
  context: FolderContext,
  own: Hash,
  other: Hash,
  {
    peer,
    tell
  }: { readonly peer: Peer | undefined; readonly tell: ((path: RelativePath, record: Record) => void) | undefined }
): AsyncGenerator<Missing> {
  for await (const { path, a, b } of differences(context, own, other, peer)) {
    if (b !== undefined) tell?.(path, b)
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
    if (file !== undefined && b !== undefined && sameContent(file, payloadOf(b)))
      yield { path, size: file.size, isOffDisk: true }
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
