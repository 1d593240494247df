import { randomBytes } from 'node:crypto'
import { basename, join, resolve } from 'node:path'
import type { KeyPair } from 'hypercore-crypto'
import { parseKey } from '../core/model/key-text.js'
import type { FolderKey } from '../core/model/keys.js'
import { isRole, type Role } from '../core/model/role.js'
import { isObject, readDocument } from './damaged.js'
import { readDeviceKey } from './device-key.js'
import { takeLock, type Lock } from './lock.js'
import { readIfThere, replacePrivateFile } from './private-file.js'

/** One folder of this device, as its home keeps it. */
export interface KnownFolder {
  /** The folder's public key in z-base-32. */
  readonly id: string
  /** The directory: an absolute path. */
  readonly path: string
  /** What the user calls it. */
  readonly name: string
  /** The text form of the key that this device holds: a secret. */
  readonly key: string
  /** Its user has paused it, until further notice. */
  readonly paused?: true
  /** This device keeps what is edited or deleted on it as well. */
  readonly keepLocal?: true
  /** It is not announced nor looked for on the LAN. */
  readonly lan?: false
  /** What the device does in it; undefined: it mirrors. */
  readonly role?: Role
}

/** A folder to keep. What is left out stays as it is; without any name it takes the directory's. */
export type FolderToSave = Omit<KnownFolder, 'name' | 'paused' | 'keepLocal' | 'lan' | 'role'> & {
  readonly name?: string | undefined
  readonly paused?: boolean | undefined
  readonly keepLocal?: boolean | undefined
  readonly lan?: boolean | undefined
  readonly role?: Role | undefined
}

const SCHEMA = 1

/** The place of a device's state in `directory`. Nothing is read or made before it is needed. */
export function openHome(directory: string): Home {
  return new Home(resolve(directory))
}

/**
 * What a device keeps beside its folders: its own key (`device.key`), the list of its folders with their keys
 * (`folders.json`), the lock and the socket of the process that runs them. Directories are 0700, files 0600; every
 * file is replaced whole.
 */
export class Home {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  get foldersFile(): string {
    return join(this.directory, 'folders.json')
  }

  /** What was noted of a folder's index when it was opened and closed, outside of the folder, so that one that was damaged or put back is noticed. */
  indexNoteFile(folderId: string): string {
    return join(this.directory, `index-${folderId}`)
  }

  /** The device's own key pair; made at first use. Throws MALFORMED where its file is damaged: it is never replaced. */
  deviceKeyPair(): Promise<KeyPair> {
    return readDeviceKey(join(this.directory, 'device.key'))
  }

  /** The capability that unlocks the page of this installation: 32 random bytes, base64url; made at first use. A secret. */
  async pageToken(): Promise<string> {
    const file = join(this.directory, 'page-token')
    const known = (await readIfThere(file))?.trim()
    if (known !== undefined && /^[\w-]{43}$/.test(known)) return known
    const token = randomBytes(32).toString('base64url')
    await replacePrivateFile(file, `${token}\n`)
    return token
  }

  /** This device's folders, in the order in which they were added. Throws MALFORMED once where the list is damaged (it is set aside), UNSUPPORTED where a newer backer wrote it. */
  folders(): Promise<readonly KnownFolder[]> {
    return inTurn(this.directory, () => this.#read())
  }

  /** The folder with this id, or in this directory. Throws as `folders` does. */
  async folder(idOrPath: string): Promise<KnownFolder | undefined> {
    const path = resolve(idOrPath)
    return (await this.folders()).find(folder => folder.id === idOrPath || folder.path === path)
  }

  /** The key of the folder with this id, or in this directory. Throws as `folders` and `parseKey` do. */
  async folderKey(idOrPath: string): Promise<FolderKey | undefined> {
    const folder = await this.folder(idOrPath)
    return folder === undefined ? undefined : parseKey(folder.key)
  }

  /** Adds a folder, or changes the one with the same id or in the same directory. Throws as `folders` does. */
  saveFolder({ id, path, name, key, paused, keepLocal, lan, role }: FolderToSave): Promise<void> {
    return inTurn(this.directory, async () => {
      const folders = await this.#read()
      const known = folders.find(folder => folder.id === id)
      const isPaused = paused ?? known?.paused === true
      const keepsLocal = keepLocal ?? known?.keepLocal === true
      const isOnLan = lan ?? known?.lan !== false
      const does = role ?? known?.role ?? 'mirror'
      const saved: KnownFolder = {
        id,
        path,
        name: name ?? known?.name ?? nameOf(path),
        key,
        ...(isPaused ? { paused: true as const } : {}),
        ...(keepsLocal ? { keepLocal: true as const } : {}),
        ...(isOnLan ? {} : { lan: false as const }),
        ...(does === 'mirror' ? {} : { role: does })
      }
      if (JSON.stringify(known) === JSON.stringify(saved)) return
      const others = folders.filter(folder => folder.id !== id && folder.path !== path)
      await this.#write([...others, saved])
    })
  }

  /** Forgets a folder and its key. Its files stay. Throws as `folders` does. */
  removeFolder(id: string): Promise<void> {
    return inTurn(this.directory, async () => {
      const folders = await this.#read()
      await this.#write(folders.filter(folder => folder.id !== id))
    })
  }

  /** Makes this process the one that runs this home's folders. Throws LOCKED where another does, naming it. */
  lock(): Promise<Lock> {
    return takeLock(join(this.directory, 'lock'))
  }

  async #read(): Promise<readonly KnownFolder[]> {
    const folders = await readDocument(this.foldersFile, {
      what: 'the list of folders',
      schema: SCHEMA,
      hint: 'Your files are untouched. Join each folder again with its key; the keys may still be readable in that file.',
      parse: parseFolders
    })
    return folders ?? []
  }

  #write(folders: readonly KnownFolder[]): Promise<void> {
    return replacePrivateFile(this.foldersFile, `${JSON.stringify({ schema: SCHEMA, folders }, undefined, 2)}\n`)
  }
}

/** The list in a document. Throws TypeError for what is no list of folders. */
function parseFolders(document: Readonly<Record<string, unknown>>): readonly KnownFolder[] {
  if (!Array.isArray(document['folders'])) throw new TypeError('it has no list of folders')
  return document['folders'].map(parseFolder)
}

function parseFolder(value: unknown): KnownFolder {
  if (!isObject(value)) throw new TypeError('a folder is no object')
  const text = (field: string): string => {
    const found = value[field]
    if (typeof found !== 'string' || found === '') throw new TypeError(`a folder has no ${field}`)
    return found
  }
  const paused = value['paused'] === true ? { paused: true as const } : {}
  const keepLocal = value['keepLocal'] === true ? { keepLocal: true as const } : {}
  const lan = value['lan'] === false ? { lan: false as const } : {}
  const role = isRole(value['role']) && value['role'] !== 'mirror' ? { role: value['role'] } : {}
  return {
    id: text('id'),
    path: text('path'),
    name: text('name'),
    key: text('key'),
    ...paused,
    ...keepLocal,
    ...lan,
    ...role
  }
}

/** What a folder is called when the user did not say: its directory's name. */
function nameOf(path: string): string {
  return basename(path) || 'root'
}

const lastTurns = new Map<string, Promise<unknown>>()

/**
 * Runs `work` after all earlier work on the same home has ended, so that two folders that are opened at once don't lose one another's entry.
 * LIMIT: this orders one process's writes. Two processes that use one home without its lock may lose an entry, never a file.
 */
function inTurn<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const turn = (lastTurns.get(directory) ?? Promise.resolve()).then(work, work)
  lastTurns.set(directory, turn)
  const forget = (): void => {
    if (lastTurns.get(directory) === turn) lastTurns.delete(directory)
  }
  turn.then(forget, forget)
  return turn
}
