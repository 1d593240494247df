import { computed, signal } from '@preact/signals'
import { ApiError } from './api/client.js'
import type { DaemonEvent, FolderDocument, StatusDocument } from './api/documents.js'
import { api } from './api/routes.js'

/** How many seconds of rates a graph shows. */
export const RATE_SAMPLES = 120
/** How soon items are looked at when one has changed, and how soon again. */
const LOOK_SOON_MS = 100
const LOOK_AGAIN_MS = 1000
const RECONNECT_MS = 1000
const RECONNECT_MAX_MS = 15_000

/** Whether the daemon can be talked to. `locked`: it answers, and wants to know who asks. */
export const connection = signal<'connecting' | 'online' | 'offline' | 'locked'>('connecting')
export const daemon = signal<Omit<StatusDocument, 'folders'> | undefined>(undefined)
export const folders = signal<ReadonlyMap<string, FolderDocument>>(new Map())
/** Bytes per second of each folder in the last two minutes, the newest last. */
export const rates = signal<ReadonlyMap<string, { readonly up: readonly number[]; readonly down: readonly number[] }>>(
  new Map()
)
/** Grows with each change of an item in a folder: what shows items looks again. */
export const itemChanges = signal<ReadonlyMap<string, number>>(new Map())
export const sortedFolders = computed(() => [...folders.value.values()].sort((a, b) => a.name.localeCompare(b.name)))

/** The page is shown on another machine than the one that backer runs on: a password opens it there. */
export const isRemote = location.protocol === 'https:'

let source: EventSource | undefined
let retry: ReturnType<typeof setTimeout> | undefined
let retryMs = RECONNECT_MS

/** Begins: opens a session with the token of the address, if there is one, and follows the daemon from then on. */
export async function start(): Promise<void> {
  const token = takeToken()
  setInterval(tick, 1000)
  if (token !== undefined) await api.openSession(token).catch(() => undefined)
  await follow()
}

/** Opens a session with the password, and goes on. Throws ApiError. */
export async function enter(password: string): Promise<void> {
  await api.enter(password)
  clearTimeout(retry)
  await follow()
}

/** Ends the session: what was shown is gone. */
export async function leave(): Promise<void> {
  await api.leave()
  location.reload()
}

/** The token in the address, which is taken out of it at once: it must not stay in the history. */
function takeToken(): string | undefined {
  const token = /^#token=([\w-]+)$/.exec(location.hash)?.[1]
  if (token !== undefined) history.replaceState(null, '', `${location.pathname}#/`)
  return token
}

/** Asks for everything once, then hears of what changes. When the line breaks it begins anew. */
async function follow(): Promise<void> {
  try {
    await refresh()
    listen()
    connection.value = 'online'
    retryMs = RECONNECT_MS
  } catch (error) {
    lost(error)
  }
}

/** Asks for the state of everything. Throws ApiError. */
export async function refresh(): Promise<void> {
  const { folders: found, ...rest } = await api.status()
  daemon.value = rest
  folders.value = new Map(found.map(folder => [folder.id, folder]))
}

function listen(): void {
  source?.close()
  source = new EventSource('/v1/events')
  source.onmessage = ({ data }: MessageEvent<string>) => heard(JSON.parse(data) as DaemonEvent)
  source.onerror = () => lost(undefined)
}

function lost(error: unknown): void {
  source?.close()
  source = undefined
  const isLocked = error instanceof ApiError && (error.status === 401 || error.status === 403)
  connection.value = isLocked ? 'locked' : 'offline'
  retry = setTimeout(() => void follow(), retryMs)
  retryMs = Math.min(RECONNECT_MAX_MS, retryMs * 2)
}

function heard(event: DaemonEvent): void {
  if (event.type === 'folder') folders.value = new Map(folders.value).set(event.folder, event.document)
  else if (event.type === 'removed') {
    const rest = new Map(folders.value)
    rest.delete(event.folder)
    folders.value = rest
  } else if (event.type === 'item') noteItem(event.folder)
  // What is told of no item may be about the device as a whole.
  else if (event.type === 'problem' && event.path === undefined) void refresh().catch(() => undefined)
}

let noted = new Set<string>()
let lookedAt = -Infinity

/** A lone change is looked at in a moment; a storm of them becomes one look a second. */
function noteItem(folder: string): void {
  const isFirst = noted.size === 0
  noted.add(folder)
  if (isFirst) setTimeout(lookAtItems, Math.max(LOOK_SOON_MS, lookedAt + LOOK_AGAIN_MS - performance.now()))
}

function lookAtItems(): void {
  lookedAt = performance.now()
  const changes = new Map(itemChanges.value)
  for (const folder of noted) changes.set(folder, (changes.get(folder) ?? 0) + 1)
  noted = new Set()
  itemChanges.value = changes
}

function tick(): void {
  rates.value = new Map(sortedFolders.value.map(folder => [folder.id, sampled(folder)]))
}

function sampled({ id, rates: latest }: FolderDocument): { up: readonly number[]; down: readonly number[] } {
  const before = rates.value.get(id)
  const add = (samples: readonly number[] | undefined, sample: number): readonly number[] =>
    [...(samples ?? []), sample].slice(-RATE_SAMPLES)
  return { up: add(before?.up, latest?.up ?? 0), down: add(before?.down, latest?.down ?? 0) }
}
