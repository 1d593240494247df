import type { Keep } from '../folder/browse.js'
import type {
  AddedDocument,
  ConflictsDocument,
  DaemonEvent,
  DecidedDocument,
  DeletesDocument,
  DriftDocument,
  DroppedDocument,
  DifferencesDocument,
  FolderDocument,
  GotDocument,
  IgnoreCheckDocument,
  IgnorePreviewDocument,
  ItemsDocument,
  LogDocument,
  PastItemsDocument,
  RestoredDocument,
  RevisionsDocument,
  SettingsDocument,
  SnapshotDocument,
  SnapshotsDocument,
  StatusDocument,
  TidiedDocument,
  VerifiedDocument,
  VerifyDocument,
  WaitDocument
} from '../daemon/document.js'
import type { FolderRequest } from '../daemon/host.js'
import type { NetworkReport } from '../net/report.js'
import type { Limits } from '../net/rate.js'
import type { Role } from '../core/model/role.js'
import { ANSWER_TIMEOUT_MS, ask, lines } from './ask.js'

/** How long what works through a whole folder may take. */
const LONG_TIMEOUT_MS = 24 * 3600 * 1000

/** Talks to the process that runs a home's folders. Every call throws NOT_RUNNING where there is none, TIMEOUT where it does not answer, and what the process refuses. */
export class Client {
  readonly #home: string

  constructor(home: string) {
    this.#home = home
  }

  async status(): Promise<StatusDocument> {
    return (await ask(this.#home, { method: 'GET', path: '/v1/status' })) as StatusDocument
  }

  async folder(id: string): Promise<FolderDocument> {
    return (await ask(this.#home, { method: 'GET', path: pathOf(id) })) as FolderDocument
  }

  /** Has the process run one more folder. */
  async add(request: FolderRequest): Promise<AddedDocument> {
    return (await ask(this.#home, { method: 'POST', path: '/v1/folders', body: request })) as AddedDocument
  }

  /** Waits, at most a minute, until a folder is in sync with `peers` others and each file lies on `copies` devices. `rescan` has it look at its files first. */
  async wait(
    id: string,
    question: { peers: number; copies?: number; seconds: number; rescan: boolean }
  ): Promise<WaitDocument> {
    const { peers, copies = 0, seconds, rescan } = question
    const path = `${pathOf(id)}/wait?peers=${peers}&copies=${copies}&timeout=${seconds}&rescan=${rescan}`
    const timeoutMs = seconds * 1000 + ANSWER_TIMEOUT_MS
    return (await ask(this.#home, { method: 'GET', path, timeoutMs })) as WaitDocument
  }

  /** What happens from now on, until `signal` aborts. Throws NOT_RUNNING when the process ends. */
  async *events(signal: AbortSignal): AsyncGenerator<DaemonEvent> {
    for await (const line of lines(this.#home, '/v1/events', signal)) yield JSON.parse(line) as DaemonEvent
  }

  /** How the device stands in the network; without a folder that runs there is nothing to tell. */
  async network(): Promise<Partial<NetworkReport>> {
    return (await ask(this.#home, { method: 'GET', path: '/v1/network' })) as Partial<NetworkReport>
  }

  async limits(): Promise<Limits> {
    return (await ask(this.#home, { method: 'GET', path: '/v1/limits' })) as Limits
  }

  async setLimits({ up, down, timetable, includeLan }: Limits): Promise<Limits> {
    const body = { up, down, timetable, includeLan }
    return (await ask(this.#home, { method: 'POST', path: '/v1/limits', body })) as Limits
  }

  /** The deletes that are held in a folder. */
  async deletes(id: string): Promise<DeletesDocument> {
    const path = `${pathOf(id)}/deletes`
    return (await ask(this.#home, { method: 'GET', path })) as DeletesDocument
  }

  async decideDeletes(id: string, action: 'accept' | 'reject'): Promise<DecidedDocument> {
    const path = `${pathOf(id)}/deletes`
    return (await ask(this.#home, { method: 'POST', path, body: { action } })) as DecidedDocument
  }

  /** Gives a folder another name, pauses it, or lets it go on. */
  async change(id: string, changes: { readonly name?: string; readonly paused?: boolean }): Promise<FolderDocument> {
    return (await ask(this.#home, { method: 'PATCH', path: pathOf(id), body: changes })) as FolderDocument
  }

  /** Ends a folder on this device; its files stay. */
  async leave(id: string): Promise<void> {
    await ask(this.#home, { method: 'DELETE', path: pathOf(id) })
  }

  async log(id: string, question: { path?: string; since?: string; limit: number }): Promise<LogDocument> {
    const query = new URLSearchParams({ ...question, limit: String(question.limit) }).toString()
    return (await ask(this.#home, { method: 'GET', path: `${pathOf(id)}/log?${query}` })) as LogDocument
  }

  /** A device is not expected any more. */
  async forgetDevice(id: string, device: string): Promise<void> {
    await ask(this.#home, { method: 'DELETE', path: `${pathOf(id)}/devices/${encodeURIComponent(device)}` })
  }

  async conflicts(id: string): Promise<ConflictsDocument> {
    return (await ask(this.#home, { method: 'GET', path: `${pathOf(id)}/conflicts` })) as ConflictsDocument
  }

  async resolve(id: string, copy: string, keep: Keep): Promise<void> {
    await ask(this.#home, { method: 'POST', path: `${pathOf(id)}/conflicts`, body: { copy, keep } })
  }

  async ignoreText(id: string): Promise<string> {
    const document = (await ask(this.#home, { method: 'GET', path: `${pathOf(id)}/ignore` })) as {
      readonly text: string
    }
    return document.text
  }

  /** Replaces the patterns. Throws BUSY where they are not `was` any more. */
  async setIgnoreText(id: string, text: string, was: string): Promise<void> {
    await ask(this.#home, { method: 'PUT', path: `${pathOf(id)}/ignore`, body: { text, was } })
  }

  async checkIgnore(id: string, path: string, directory: boolean): Promise<IgnoreCheckDocument> {
    const query = new URLSearchParams({ path, directory: String(directory) }).toString()
    return (await ask(this.#home, {
      method: 'GET',
      path: `${pathOf(id)}/ignore/check?${query}`
    })) as IgnoreCheckDocument
  }

  /** What patterns hit. */
  async previewIgnore(id: string, text: string): Promise<IgnorePreviewDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/ignore/preview`, body: { text } } as const
    return (await ask(this.#home, question)) as IgnorePreviewDocument
  }

  async settings(): Promise<SettingsDocument> {
    return (await ask(this.#home, { method: 'GET', path: '/v1/settings' })) as SettingsDocument
  }

  async changeSettings(settings: Readonly<Record<string, string | null>>): Promise<SettingsDocument> {
    return (await ask(this.#home, { method: 'PATCH', path: '/v1/settings', body: { settings } })) as SettingsDocument
  }

  async revisions(id: string, path: string): Promise<RevisionsDocument> {
    const query = new URLSearchParams({ path }).toString()
    return (await ask(this.#home, { method: 'GET', path: `${pathOf(id)}/revisions?${query}` })) as RevisionsDocument
  }

  /** Has a kept version stay whatever the rule says, or not any more. */
  async pinRevision(id: string, path: string, revision: string, pinned: boolean): Promise<void> {
    const body = { path, revision, pinned }
    await ask(this.#home, { method: 'POST', path: `${pathOf(id)}/revisions/pin`, body })
  }

  /** Has the device keep what is edited or deleted on it as well, or not any more. */
  async setKeepLocal(id: string, keepLocal: boolean): Promise<FolderDocument> {
    return (await ask(this.#home, { method: 'PATCH', path: pathOf(id), body: { keepLocal } })) as FolderDocument
  }

  async snapshots(id: string): Promise<SnapshotsDocument> {
    return (await ask(this.#home, { method: 'GET', path: `${pathOf(id)}/snapshots` })) as SnapshotsDocument
  }

  async createSnapshot(id: string, pinned: boolean): Promise<SnapshotDocument> {
    const question = {
      method: 'POST',
      path: `${pathOf(id)}/snapshots`,
      body: { pinned },
      timeoutMs: LONG_TIMEOUT_MS
    } as const
    return (await ask(this.#home, question)) as SnapshotDocument
  }

  async pinSnapshot(id: string, snapshot: string, pinned: boolean): Promise<void> {
    const path = `${pathOf(id)}/snapshots/${encodeURIComponent(snapshot)}`
    await ask(this.#home, { method: 'PATCH', path, body: { pinned } })
  }

  async removeSnapshot(id: string, snapshot: string): Promise<void> {
    await ask(this.#home, { method: 'DELETE', path: `${pathOf(id)}/snapshots/${encodeURIComponent(snapshot)}` })
  }

  /** What stood in a directory at a time, behind the name `after`. */
  async filesAt(id: string, query: { at: string; path: string; after?: string }): Promise<PastItemsDocument> {
    const path = `${pathOf(id)}/snapshots/files?${new URLSearchParams(query).toString()}`
    return (await ask(this.#home, { method: 'GET', path, timeoutMs: LONG_TIMEOUT_MS })) as PastItemsDocument
  }

  /** What stands in a directory now, behind the name `after`. */
  async files(id: string, query: { path: string; after?: string }): Promise<ItemsDocument> {
    const path = `${pathOf(id)}/files?${new URLSearchParams(query).toString()}`
    return (await ask(this.#home, { method: 'GET', path })) as ItemsDocument
  }

  async diff(id: string, query: { from: string; to?: string }): Promise<DifferencesDocument> {
    const path = `${pathOf(id)}/snapshots/diff?${new URLSearchParams(query).toString()}`
    return (await ask(this.#home, { method: 'GET', path, timeoutMs: LONG_TIMEOUT_MS })) as DifferencesDocument
  }

  async restore(id: string, body: object): Promise<RestoredDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/restore`, body, timeoutMs: LONG_TIMEOUT_MS } as const
    return (await ask(this.#home, question)) as RestoredDocument
  }

  async setRole(id: string, role: Role): Promise<FolderDocument> {
    const question = { method: 'PATCH', path: pathOf(id), body: { role }, timeoutMs: LONG_TIMEOUT_MS } as const
    return (await ask(this.#home, question)) as FolderDocument
  }

  /** What was changed by hand on a device that does not write. */
  async drift(id: string): Promise<DriftDocument> {
    return (await ask(this.#home, { method: 'GET', path: `${pathOf(id)}/drift` })) as DriftDocument
  }

  async revertDrift(id: string, body: { readonly dryRun: boolean }): Promise<DriftDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/drift/revert`, body, timeoutMs: LONG_TIMEOUT_MS } as const
    return (await ask(this.#home, question)) as DriftDocument
  }

  /** Drops files that others hold: answers when it is over. */
  async drop(id: string, body: object): Promise<DroppedDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/drop`, body, timeoutMs: LONG_TIMEOUT_MS } as const
    return (await ask(this.#home, question)) as DroppedDocument
  }

  /** Fetches files that were dropped: answers when they are here. */
  async get(id: string, paths: readonly string[]): Promise<GotDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/get`, body: { paths }, timeoutMs: LONG_TIMEOUT_MS } as const
    return (await ask(this.#home, question)) as GotDocument
  }

  async verifyStatus(id: string): Promise<VerifyDocument> {
    return (await ask(this.#home, { method: 'GET', path: `${pathOf(id)}/verify` })) as VerifyDocument
  }

  async setVerify(id: string, settings: object): Promise<VerifyDocument> {
    const question = { method: 'PATCH', path: `${pathOf(id)}/verify`, body: settings } as const
    return (await ask(this.#home, question)) as VerifyDocument
  }

  /** Reads files and mends what is damaged: answers when it is over. */
  async verify(id: string, body: object): Promise<VerifiedDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/verify`, body, timeoutMs: LONG_TIMEOUT_MS } as const
    return (await ask(this.#home, question)) as VerifiedDocument
  }

  async acceptDamage(id: string, paths: readonly string[]): Promise<VerifyDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/verify/accept`, body: { paths } } as const
    return (await ask(this.#home, question)) as VerifyDocument
  }

  async tidyRevisions(id: string): Promise<TidiedDocument> {
    const question = { method: 'POST', path: `${pathOf(id)}/revisions/tidy`, timeoutMs: LONG_TIMEOUT_MS } as const
    return (await ask(this.#home, question)) as TidiedDocument
  }
}

function pathOf(id: string): string {
  return `/v1/folders/${encodeURIComponent(id)}`
}
