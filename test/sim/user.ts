import { RESERVED_NAME } from '../../lib/core/model/path.js'
import type { UserAction } from './plan.js'
import { RULES_NAME, rulesText } from './rules.js'
import { find, type Inode, type Volume } from './volume.js'

/** Where a user works: a folder's directory on a volume. */
export interface Desk {
  readonly volume: Volume
  readonly root: Inode
  /** Bytes that nobody has ever written. */
  readonly freshBytes: (size: number) => Uint8Array
  /** Does something later, as the same user. */
  readonly later: (delayMs: number, act: () => void) => void
}

/** Every path below a folder's directory but backer's own, in order. */
export function pathsBelow(root: Inode): string[] {
  const found: string[] = []
  const walk = (directory: Inode, prefix: string): void => {
    for (const name of [...directory.entries.keys()].sort()) {
      if (prefix === '' && name === RESERVED_NAME) continue
      const inode = directory.entries.get(name)
      found.push(prefix + name)
      if (inode?.kind === 'directory') walk(inode, `${prefix}${name}/`)
    }
  }
  walk(root, '')
  return found
}

/** Does what a user does. Returns what it was, in words; undefined where there was nothing to do it to. */
export function act(desk: Desk, action: UserAction): string | undefined {
  return desk.volume.asUser(() => doAct(desk, action))
}

function doAct(desk: Desk, action: UserAction): string | undefined {
  switch (action.kind) {
    case 'write':
    case 'mkdir':
    case 'symlink':
      return makeNew(desk, action)
    case 'rename':
    case 'copy':
    case 'link':
      return transfer(desk, action)
    case 'swap':
      return swap(desk, action)
    case 'delete':
    case 'retype':
      return remove(desk, action)
    case 'chmod':
    case 'touch':
      return setMetadata(desk, action)
    case 'ignore':
      return ignore(desk, action)
    case 'overwrite':
    case 'slow-write':
    case 'append':
    case 'truncate':
    case 'save':
    case 'sneak':
      return edit(desk, action)
  }
}

function makeNew(desk: Desk, action: Extract<UserAction, { kind: 'write' | 'mkdir' | 'symlink' }>): string | undefined {
  const { volume } = desk
  const place = makePlace(desk, action.path)
  if (place === undefined) return undefined
  const there = place.directory.entries.get(place.name)
  if (action.kind === 'write') {
    if (there !== undefined && there.kind !== 'file') return undefined
    const inode = there ?? linkNew(desk, place, volume.makeInode('file', 0o644))
    writeBytes(desk, inode, desk.freshBytes(action.size), action.isSynced)
  } else if (there !== undefined) return undefined
  else if (action.kind === 'mkdir') linkNew(desk, place, volume.makeInode('directory', 0o755))
  else
    linkNew(desk, place, volume.makeInode('symlink', 0o777, `to-${Buffer.from(desk.freshBytes(40)).toString('hex')}`))
  return `${action.kind} ${action.path}`
}

function ignore(desk: Desk, { names }: Extract<UserAction, { kind: 'ignore' }>): string | undefined {
  const place = { directory: desk.root, name: RULES_NAME }
  const there = desk.root.entries.get(RULES_NAME)
  if (there !== undefined && there.kind !== 'file') return undefined
  const inode = there ?? linkNew(desk, place, desk.volume.makeInode('file', 0o644))
  writeBytes(desk, inode, rulesText(names, desk.freshBytes(16)), false)
  return `ignore ${names.join(' ')}`
}

function edit(
  desk: Desk,
  action: Extract<UserAction, { kind: 'overwrite' | 'slow-write' | 'append' | 'truncate' | 'save' | 'sneak' }>
): string | undefined {
  const { volume } = desk
  const path = pickPath(desk, action.at, inode => inode.kind === 'file')
  const inode = path === undefined ? undefined : find(desk.root, path)
  if (path === undefined || inode === undefined) return undefined
  switch (action.kind) {
    case 'overwrite':
      writeBytes(desk, inode, desk.freshBytes(action.size), action.isSynced)
      break
    case 'append':
      writeBytes(desk, inode, Buffer.concat([inode.bytes, desk.freshBytes(action.size)]), false)
      break
    case 'truncate':
      volume.hold(inode, { bytes: inode.bytes.subarray(0, inode.bytes.byteLength >> 1) })
      break
    case 'sneak': {
      const { mtimeNs } = inode
      volume.hold(inode, { bytes: desk.freshBytes(inode.bytes.byteLength) })
      volume.hold(inode, { mtimeNs })
      break
    }
    case 'slow-write': {
      const bytes = desk.freshBytes(action.size)
      volume.hold(inode, { bytes: bytes.subarray(0, bytes.byteLength >> 1) })
      desk.later(action.takesMs, () => writeBytes(desk, inode, bytes, false))
      break
    }
    case 'save': {
      const place = placeOf(desk, path)
      const temporary = { directory: place.directory, name: `${place.name}.tmp` }
      if (temporary.directory.entries.has(temporary.name)) return undefined
      const fresh = linkNew(desk, temporary, volume.makeInode('file', inode.mode))
      writeBytes(desk, fresh, desk.freshBytes(action.size), action.isSynced)
      volume.change([
        { ...temporary, after: undefined },
        { ...place, after: fresh }
      ])
    }
  }
  return `${action.kind} ${path}`
}

function remove(desk: Desk, action: Extract<UserAction, { kind: 'delete' | 'retype' }>): string | undefined {
  const path = pickPath(desk, action.at, () => true)
  if (path === undefined) return undefined
  const place = placeOf(desk, path)
  const inode = place.directory.entries.get(place.name)
  if (inode === undefined) return undefined
  const wasDirectory = inode.kind === 'directory'
  removeTree(desk, place)
  if (action.kind === 'delete') return `delete ${path}`
  const { volume } = desk
  if (wasDirectory)
    writeBytes(desk, linkNew(desk, place, volume.makeInode('file', 0o644)), desk.freshBytes(action.size), false)
  else {
    const directory = linkNew(desk, place, volume.makeInode('directory', 0o755))
    const child = linkNew(desk, { directory, name: 'a' }, volume.makeInode('file', 0o644))
    writeBytes(desk, child, desk.freshBytes(action.size), false)
  }
  return `retype ${path}`
}

function removeTree(desk: Desk, place: Place): void {
  const inode = place.directory.entries.get(place.name)
  if (inode?.kind === 'directory')
    for (const name of [...inode.entries.keys()]) removeTree(desk, { directory: inode, name })
  desk.volume.change([{ ...place, after: undefined }])
}

function transfer(desk: Desk, action: Extract<UserAction, { kind: 'rename' | 'copy' | 'link' }>): string | undefined {
  const { volume } = desk
  const from = pickPath(desk, action.at, inode => action.kind === 'rename' || inode.kind === 'file')
  if (from === undefined || from === action.path || `${action.path}/`.startsWith(`${from}/`)) return undefined
  const source = placeOf(desk, from)
  const inode = source.directory.entries.get(source.name)
  const place = makePlace(desk, action.path)
  if (place === undefined || inode === undefined) return undefined
  const there = place.directory.entries.get(place.name)
  if (action.kind !== 'rename') {
    if (there !== undefined) return undefined
    if (action.kind === 'link') linkNew(desk, place, inode)
    else writeBytes(desk, linkNew(desk, place, volume.makeInode('file', inode.mode)), inode.bytes, false)
  } else {
    const isBlocked = there !== undefined && (there.kind === 'directory' || inode.kind === 'directory')
    if (isBlocked) return undefined
    volume.change([
      { ...source, after: undefined },
      { ...place, after: inode }
    ])
  }
  return `${action.kind} ${from} ${action.path}`
}

function swap(desk: Desk, action: Extract<UserAction, { kind: 'swap' }>): string | undefined {
  const [a, b] = [action.at, action.with].map(at => pickPath(desk, at, inode => inode.kind === 'file'))
  if (a === undefined || b === undefined || a === b) return undefined
  const [first, second] = [placeOf(desk, a), placeOf(desk, b)]
  const [one, other] = [find(desk.root, a), find(desk.root, b)]
  desk.volume.change([
    { ...first, after: other },
    { ...second, after: one }
  ])
  return `swap ${a} ${b}`
}

function setMetadata(desk: Desk, action: Extract<UserAction, { kind: 'chmod' | 'touch' }>): string | undefined {
  const path = pickPath(desk, action.at, inode => inode.kind === 'file')
  const inode = path === undefined ? undefined : find(desk.root, path)
  if (path === undefined || inode === undefined) return undefined
  if (action.kind === 'chmod') desk.volume.hold(inode, { mode: action.mode })
  else desk.volume.hold(inode, { mtimeNs: BigInt(action.mtimeMs) * 1_000_000n })
  return `${action.kind} ${path}`
}

interface Place {
  readonly directory: Inode
  readonly name: string
}

function pickPath(desk: Desk, at: number, fits: (inode: Inode) => boolean): string | undefined {
  const paths = pathsBelow(desk.root).filter(path => {
    const inode = find(desk.root, path)
    return inode !== undefined && fits(inode)
  })
  return paths[at % Math.max(1, paths.length)]
}

function placeOf(desk: Desk, path: string): Place {
  const slash = path.lastIndexOf('/')
  const directory = find(desk.root, path.slice(0, Math.max(0, slash)))
  if (directory === undefined) throw new Error(`no directory for ${path}`)
  return { directory, name: path.slice(slash + 1) }
}

/** The place of a path, whose directories are made; undefined where something else is in the way. */
function makePlace(desk: Desk, path: string): Place | undefined {
  const names = path.split('/')
  let directory = desk.root
  for (const name of names.slice(0, -1)) {
    const there =
      directory.entries.get(name) ?? linkNew(desk, { directory, name }, desk.volume.makeInode('directory', 0o755))
    if (there.kind !== 'directory') return undefined
    directory = there
  }
  return { directory, name: names.at(-1) ?? '' }
}

function linkNew({ volume }: Desk, place: Place, inode: Inode): Inode {
  volume.change([{ ...place, after: inode }])
  return inode
}

function writeBytes({ volume }: Desk, inode: Inode, bytes: Uint8Array, isSynced: boolean): void {
  volume.hold(inode, { bytes })
  if (isSynced) volume.syncInode(inode)
}

/** Copies all that another directory shows into an empty one, as `cp -R` does, or `cp -a`. Returns how many files there were; undefined where the directory is not empty. */
export function copyTree(
  { volume, root }: Pick<Desk, 'volume' | 'root'>,
  from: Inode,
  keepsTimes: boolean
): number | undefined {
  if (pathsBelow(root).length > 0) return undefined
  let count = 0
  const copyInto = (directory: Inode, source: Inode): void => {
    for (const name of [...source.entries.keys()].sort()) {
      const there = source.entries.get(name)
      if (there === undefined || (source === from && name === RESERVED_NAME)) continue
      if (there.kind === 'file') count++
      const copy = volume.makeInode(there.kind, there.mode, there.target)
      volume.change([{ directory, name, after: copy }])
      if (there.kind === 'file') volume.hold(copy, { bytes: there.bytes })
      if (there.kind === 'file' && keepsTimes) volume.hold(copy, { mtimeNs: there.mtimeNs })
      if (there.kind === 'directory') copyInto(copy, there)
    }
  }
  volume.asUser(() => copyInto(root, from))
  return count
}
