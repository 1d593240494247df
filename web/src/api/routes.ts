import type { Role } from '../../../lib/core/model/role.js'
import { request } from './client.js'
import type {
  ConflictDocument,
  DirectoriesDocument,
  DriftDocument,
  FolderDocument,
  ItemDocument,
  KeysDocument,
  LimitsDocument,
  LogDocument,
  NetworkDocument,
  PastItemsDocument,
  RestoredDocument,
  RevisionsDocument,
  SettingsDocument,
  SnapshotDocument,
  SnapshotsDocument,
  StatusDocument,
  VerifiedDocument,
  VerifyDocument
} from './documents.js'

/** Every request that the page makes. Each throws ApiError. */
export const api = {
  openSession: (token: string) => request<undefined>('POST', '/v1/session', undefined, token),
  /** For other machines than the one that backer runs on. */
  enter: (password: string) => request<undefined>('POST', '/v1/session', { password }),
  leave: () => request<undefined>('DELETE', '/v1/session'),
  status: () => request<StatusDocument>('GET', '/v1/status'),
  addFolder: (folder: { directory: string; key?: string; name?: string; createDirectory: boolean }) =>
    request<{ readonly id: string }>('POST', '/v1/folders', folder),
  changeFolder: (id: string, change: { name?: string; paused?: boolean; keepLocal?: boolean; role?: Role }) =>
    request<FolderDocument>('PATCH', folderPath(id), change),
  leaveFolder: (id: string) => request<undefined>('DELETE', folderPath(id)),
  keys: (id: string) => request<KeysDocument>('GET', `${folderPath(id)}/keys`),
  files: (id: string, path: string, after?: string) =>
    request<{ readonly entries: readonly ItemDocument[]; readonly next?: string }>(
      'GET',
      `${folderPath(id)}/files?${query({ path, after })}`
    ),
  /** Has dropped files fetched: they come by themselves then. */
  get: (id: string, paths: readonly string[]) =>
    request<{ readonly asked: true }>('POST', `${folderPath(id)}/get`, { paths, wait: false }),
  conflicts: (id: string) =>
    request<{ readonly conflicts: readonly ConflictDocument[] }>('GET', `${folderPath(id)}/conflicts`),
  resolveConflict: (id: string, copy: string, keep: 'original' | 'copy' | 'both') =>
    request<undefined>('POST', `${folderPath(id)}/conflicts`, { copy, keep }),
  content: (id: string, path: string) => request<string>('GET', `${folderPath(id)}/content?${query({ path })}`),
  ignore: (id: string) => request<{ readonly text: string }>('GET', `${folderPath(id)}/ignore`),
  saveIgnore: (id: string, text: string) => request<undefined>('PUT', `${folderPath(id)}/ignore`, { text }),
  previewIgnore: (id: string, text: string) =>
    request<{ readonly count: number; readonly sample: readonly string[]; readonly problems: readonly string[] }>(
      'POST',
      `${folderPath(id)}/ignore/preview`,
      { text }
    ),
  decideDeletes: (id: string, action: 'accept' | 'reject') =>
    request<{ readonly count: number }>('POST', `${folderPath(id)}/deletes`, { action }),
  revisions: (id: string, path: string) =>
    request<RevisionsDocument>('GET', `${folderPath(id)}/revisions?${query({ path })}`),
  restore: (id: string, what: { paths: readonly string[]; revision?: string; at?: string; dryRun?: boolean }) =>
    request<RestoredDocument>('POST', `${folderPath(id)}/restore`, what),
  snapshots: (id: string) => request<SnapshotsDocument>('GET', `${folderPath(id)}/snapshots`),
  createSnapshot: (id: string) => request<SnapshotDocument>('POST', `${folderPath(id)}/snapshots`, {}),
  pinSnapshot: (id: string, snapshot: string, pinned: boolean) =>
    request<undefined>('PATCH', `${folderPath(id)}/snapshots/${encodeURIComponent(snapshot)}`, { pinned }),
  pastFiles: (id: string, at: string, path: string) =>
    request<PastItemsDocument>('GET', `${folderPath(id)}/snapshots/files?${query({ at, path })}`),
  log: (id: string, path: string, limit: number) =>
    request<LogDocument>('GET', `${folderPath(id)}/log?${query({ path, limit: String(limit) })}`),
  revertDrift: (id: string) => request<DriftDocument>('POST', `${folderPath(id)}/drift/revert`, {}),
  verify: (id: string) => request<VerifiedDocument>('POST', `${folderPath(id)}/verify`, {}),
  setVerify: (id: string, settings: { readonly isPaused: boolean }) =>
    request<VerifyDocument>('PATCH', `${folderPath(id)}/verify`, settings),
  acceptDamage: (id: string, path: string) =>
    request<VerifyDocument>('POST', `${folderPath(id)}/verify/accept`, { paths: [path] }),
  settings: () => request<SettingsDocument>('GET', '/v1/settings'),
  changeSettings: (settings: Readonly<Record<string, string | null>>) =>
    request<SettingsDocument>('PATCH', '/v1/settings', { settings }),
  network: () => request<NetworkDocument>('GET', '/v1/network'),
  limits: () => request<LimitsDocument>('GET', '/v1/limits'),
  setLimits: (limits: LimitsDocument) => request<LimitsDocument>('POST', '/v1/limits', limits),
  directories: (path?: string) => request<DirectoriesDocument>('GET', `/v1/directories?${query({ path })}`)
}

function folderPath(id: string): string {
  return `/v1/folders/${encodeURIComponent(id)}`
}

function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return new URLSearchParams(given).toString()
}
