import { ChunkList } from '../../lib/core/chunk/content-tree.js'
import { hashBytes, hashKey, type Hash } from '../../lib/core/model/hash.js'
import { RESERVED_NAME } from '../../lib/core/model/path.js'
import type { Manifest } from '../../lib/disk/kept.js'
import { decodeManifest } from '../../lib/disk/manifest.js'
import { parseRevisionName } from '../../lib/disk/revisions.js'
import { decodeChunkFile } from '../../lib/disk/chunk-file.js'
import type { Actor, Inode, Volume } from './volume.js'

/** What tells one version's bytes from another's: their hash; a symlink's target; the same for all directories. */
export type Label = string

export const DIRECTORY: Label = 'directory'

/** What an empty file holds: nobody's version, as everybody's is the same. */
export const EMPTY: Label = hashKey(hashBytes(new Uint8Array(0))).slice(0, 16)

/** What stands at a path. */
export interface Seen {
  readonly inode: Inode
  readonly label: Label
  readonly mode: number
  readonly mtimeNs: bigint
}

/** A kept version: what it is, and when it was replaced (milliseconds since 1970). */
export interface Revision {
  readonly label: Label
  readonly atMs: number
}

/** All that is on a device's disk, as a checker sees it. */
export interface View {
  /** What the user sees, by path. */
  readonly visible: ReadonlyMap<string, Seen>
  /** What lies in the revisions, packed or not. */
  readonly kept: ReadonlySet<Label>
  /** The revisions of each path, as their names tell it. */
  readonly past: ReadonlyMap<string, readonly Revision[]>
  /** What lies in `.backer/tmp` under a name that says that it may be the user's. */
  readonly held: ReadonlySet<Label>
  /** What is put together in `.backer/tmp`: copies of what others have. */
  readonly staged: ReadonlySet<Label>
  /** Every inode that bears a label, in any of the three. */
  readonly inodes: ReadonlyMap<Label, readonly Inode[]>
}

const labels = new WeakMap<Uint8Array, Label>()

/** The label of what an inode holds now. */
export function labelOf(inode: Inode): Label {
  if (inode.kind === 'directory') return DIRECTORY
  if (inode.kind === 'symlink') return `link ${inode.target}`
  const known = labels.get(inode.bytes)
  if (known !== undefined) return known
  const label = hashKey(hashBytes(inode.bytes)).slice(0, 16)
  labels.set(inode.bytes, label)
  return label
}

/** Looks at a folder's directory. */
export function look(root: Inode): View {
  const visible = new Map<string, Seen>()
  const inodes = new Map<Label, Inode[]>()
  const note = (inode: Inode): Label => {
    const label = labelOf(inode)
    if (label === DIRECTORY) return label
    const known = inodes.get(label)
    if (known === undefined) inodes.set(label, [inode])
    else known.push(inode)
    return label
  }
  const own = root.entries.get(RESERVED_NAME)
  walk(root, '', (path, inode) => {
    if (inode === own) return false
    visible.set(path, { inode, label: note(inode), mode: inode.mode, mtimeNs: inode.mtimeNs })
    return true
  })
  const kept = new Set<Label>()
  const past = new Map<string, Revision[]>()
  const keep = (storedAt: string, label: Label): void => {
    kept.add(label)
    const { path, atMs } = revisionAt(storedAt)
    past.set(path, [...(past.get(path) ?? []), { label, atMs }])
  }
  walk(own?.entries.get('revisions'), '', (path, inode) => {
    if (inode.kind !== 'directory') keep(path, note(inode))
    return true
  })
  for (const { storedAt, label, inode } of packed(own?.entries.get('history'))) {
    keep(storedAt, label)
    inodes.set(label, [...(inodes.get(label) ?? []), inode])
  }
  const held = new Set<Label>()
  const staged = new Set<Label>()
  for (const [name, inode] of own?.entries.get('tmp')?.entries ?? []) {
    if (/^(swap|away|move)-/.test(name) && inode.kind !== 'directory') held.add(note(inode))
    else if (/^[0-9a-f]{64}-/.test(name)) staged.add(labelOf(inode))
  }
  return { visible, kept, past, held, staged, inodes }
}

/** The path of a revision and when it was replaced, as its name tells them. */
export function revisionAt(storedAt: string): { readonly path: string; readonly atMs: number } {
  const slash = storedAt.lastIndexOf('/') + 1
  const parsed = parseRevisionName(storedAt.slice(slash))
  return { path: storedAt.slice(0, slash) + (parsed?.name ?? ''), atMs: parsed?.atMs ?? 0 }
}

interface PackedRevision {
  readonly storedAt: string
  readonly label: Label
  readonly inode: Inode
}

/** What is kept in a history and can be had from it, with a file that it takes. */
export function packed(history: Inode | undefined): PackedRevision[] {
  const found: PackedRevision[] = []
  walk(history?.entries.get('revisions'), '', (storedAt, inode) => {
    const manifest = inode.kind === 'file' ? manifestOf(inode.bytes) : undefined
    const label = manifest === undefined ? undefined : packedLabel(history, manifest)
    if (label !== undefined) found.push({ storedAt, label, inode })
    return true
  })
  return found
}

const manifests = new WeakMap<Uint8Array, Manifest>()

function manifestOf(bytes: Uint8Array): Manifest | undefined {
  const manifest = manifests.get(bytes) ?? decodeManifest(bytes)
  if (manifest !== undefined) manifests.set(bytes, manifest)
  return manifest
}

/** What the files of a history give for one content, as long as they are the same ones. */
const joinedLabels = new WeakMap<
  Manifest,
  { readonly files: readonly Uint8Array[]; readonly label: Label | undefined }
>()

function packedLabel(history: Inode | undefined, manifest: Manifest): Label | undefined {
  if (manifest.kind === 'symlink') return `link ${manifest.target}`
  if (manifest.size === 0) return EMPTY
  const files = filesOf(history, manifest)
  if (files === undefined) return undefined
  const known = joinedLabels.get(manifest)
  if (known?.files.length === files.length && known.files.every((file, i) => file === files[i])) return known.label
  const hashes = hashesOf(files[0], manifest)
  const chunks = hashes.flatMap((hash, i) => decodeChunkFile(files[i + 1] ?? new Uint8Array(0), hash) ?? [])
  const isWhole = chunks.length === hashes.length
  const label = isWhole ? hashKey(hashBytes(Buffer.concat(chunks))).slice(0, 16) : undefined
  joinedLabels.set(manifest, { files, label })
  return label
}

/** The chunk list of a content (empty where it has none) and its chunks, as the history has them; undefined where one is missing. */
function filesOf(history: Inode | undefined, manifest: FileManifest): readonly Uint8Array[] | undefined {
  const file = (kind: string, hash: Hash): Uint8Array | undefined =>
    history?.entries.get(kind)?.entries.get(hashKey(hash).slice(0, 2))?.entries.get(hashKey(hash))?.bytes
  const { content } = manifest
  const list = content.height > 0 ? file('contents', content.root) : NO_LIST
  if (list === undefined) return undefined
  const chunks = hashesOf(list, manifest).map(hash => file('chunks', hash))
  return chunks.every(bytes => bytes !== undefined) ? [list, ...chunks] : undefined
}

function hashesOf(bytes: Uint8Array | undefined, { content }: FileManifest): readonly Hash[] {
  if (bytes === undefined || content.height === 0) return [content.root]
  const list = new ChunkList(bytes)
  return Array.from({ length: list.count }, (_, i) => list.hash(i))
}

type FileManifest = Extract<Manifest, { kind: 'file' }>
const NO_LIST = new Uint8Array(0)

/** True where a power loss may take an inode without anybody's fault: its bytes, or a name that leads to it, are the work of one of `actors`, and not synced. */
export function isExposed(volume: Volume, inode: Inode, actors: readonly Actor[]): boolean {
  if (inode.dirty !== undefined && actors.includes(inode.dirty)) return true
  const moved = new Set<Inode>()
  for (const { actor, slots } of volume.journal.pending)
    if (actors.includes(actor))
      for (const { before, after } of slots) for (const one of [before, after]) if (one) moved.add(one)
  for (let at: Inode | undefined = inode; at !== undefined; at = [...at.links.values()][0]?.directory)
    if (moved.has(at)) return true
  return false
}

function walk(directory: Inode | undefined, prefix: string, visit: (path: string, inode: Inode) => boolean): void {
  for (const [name, inode] of directory?.entries ?? [])
    if (visit(prefix + name, inode) && inode.kind === 'directory') walk(inode, `${prefix}${name}/`, visit)
}
