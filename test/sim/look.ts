import { ChunkList } from '../../lib/core/chunk/content-tree.js'
import { hashBytes, hashKey, type Hash } from '../../lib/core/model/hash.js'
import { RESERVED_NAME } from '../../lib/core/model/path.js'
import type { Manifest } from '../../lib/disk/kept.js'
import { decodeManifest } from '../../lib/disk/manifest.js'
import { decodeChunkFile } from '../../lib/disk/chunk-file.js'
import type { Inode, Volume } from './volume.js'

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

/** All that is on a device's disk, as a checker sees it. */
export interface View {
  /** What the user sees, by path. */
  readonly visible: ReadonlyMap<string, Seen>
  /** What lies in the revisions, packed or not. */
  readonly kept: ReadonlySet<Label>
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
  walk(own?.entries.get('revisions'), '', (_path, inode) => {
    if (inode.kind !== 'directory') kept.add(note(inode))
    return true
  })
  for (const [label, inode] of packed(own?.entries.get('history'))) {
    kept.add(label)
    inodes.set(label, [...(inodes.get(label) ?? []), inode])
  }
  const held = new Set<Label>()
  const staged = new Set<Label>()
  for (const [name, inode] of own?.entries.get('tmp')?.entries ?? []) {
    if (/^(swap|away|move)-/.test(name) && inode.kind !== 'directory') held.add(note(inode))
    else if (/^[0-9a-f]{64}-/.test(name)) staged.add(labelOf(inode))
  }
  return { visible, kept, held, staged, inodes }
}

/** What is kept in the history and can be had from it, with a file that it takes. */
function packed(history: Inode | undefined): [Label, Inode][] {
  const found: [Label, Inode][] = []
  walk(history?.entries.get('revisions'), '', (_path, inode) => {
    const manifest = inode.kind === 'file' ? decodeManifest(inode.bytes) : undefined
    if (manifest?.kind === 'symlink') found.push([`link ${manifest.target}`, inode])
    const bytes = manifest?.kind === 'file' ? joined(history, manifest) : undefined
    if (bytes !== undefined) found.push([hashKey(hashBytes(bytes)).slice(0, 16), inode])
    return true
  })
  return found
}

function joined(history: Inode | undefined, { size, content }: Extract<Manifest, { kind: 'file' }>) {
  if (size === 0) return new Uint8Array(0)
  const file = (kind: string, hash: Hash): Uint8Array | undefined =>
    history?.entries.get(kind)?.entries.get(hashKey(hash).slice(0, 2))?.entries.get(hashKey(hash))?.bytes
  const bytes = content.height > 0 ? file('contents', content.root) : undefined
  if (content.height > 0 && bytes === undefined) return undefined
  const list = bytes === undefined ? undefined : new ChunkList(bytes)
  const hashes = list === undefined ? [content.root] : Array.from({ length: list.count }, (_, i) => list.hash(i))
  const chunks = hashes.flatMap(hash => decodeChunkFile(file('chunks', hash) ?? new Uint8Array(0), hash) ?? [])
  return chunks.length === hashes.length ? Buffer.concat(chunks) : undefined
}

/** True where a power loss may take an inode without anybody's fault: its bytes, or a name that leads to it, are a user's and not synced. */
export function isExposed(volume: Volume, inode: Inode): boolean {
  if (inode.dirty === 'user') return true
  const moved = new Set<Inode>()
  for (const { actor, slots } of volume.journal.pending)
    if (actor === 'user')
      for (const { before, after } of slots) for (const one of [before, after]) if (one) moved.add(one)
  for (let at: Inode | undefined = inode; at !== undefined; at = [...at.links.values()][0]?.directory)
    if (moved.has(at)) return true
  return false
}

function walk(directory: Inode | undefined, prefix: string, visit: (path: string, inode: Inode) => boolean): void {
  for (const [name, inode] of directory?.entries ?? [])
    if (visit(prefix + name, inode) && inode.kind === 'directory') walk(inode, `${prefix}${name}/`, visit)
}
