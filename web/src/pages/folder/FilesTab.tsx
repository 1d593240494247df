import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { ItemDocument, FolderDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { bytes, moment, safeName } from '../../format.js'
import { itemChanges } from '../../state.js'
import { Crumbs } from '../../ui/Crumbs.js'
import { Failure } from '../../ui/Failure.js'
import { VirtualList } from '../../ui/VirtualList.js'
import { VersionsDialog } from './VersionsDialog.js'

const ROW_PIXELS = 44
/** How soon it is looked whether what is on its way has come: not all that comes is a change of the folder. */
const LOOK_MS = 1000

const STATES = {
  synced: 'here, as everywhere',
  pending: 'on its way',
  problem: 'not in sync',
  conflict: 'in conflict',
  dropped: 'on other devices only'
} as const

/** The folder's files as a tree, one directory at a time, each item with its state. */
export function FilesTab({ folder }: { readonly folder: FolderDocument }) {
  const directory = useSignal('')
  const versionsOf = useSignal<string | undefined>(undefined)
  const entries = useSignal<readonly ItemDocument[]>([])
  const next = useSignal<string | undefined>(undefined)
  const isLoading = useSignal(false)
  const error = useSignal<unknown>(undefined)
  const changes = itemChanges.value.get(folder.id) ?? 0
  const load = async (after: string | undefined): Promise<void> => {
    isLoading.value = true
    const asked = directory.value
    try {
      const answer = await api.files(folder.id, asked, after)
      if (asked === directory.value) {
        entries.value = after === undefined ? answer.entries : [...entries.value, ...answer.entries]
        next.value = answer.next
        error.value = undefined
      }
    } catch (caught) {
      error.value = caught
    }
    isLoading.value = false
  }
  useEffect(() => void load(undefined), [directory.value, changes])
  useLookAgain(entries.value, () => void load(undefined))
  const get = async (path: string): Promise<void> => {
    try {
      await api.get(folder.id, [path])
      await load(undefined)
    } catch (caught) {
      error.value = caught
    }
  }
  const open = (path: string): void => {
    entries.value = []
    next.value = undefined
    directory.value = path
  }
  const loadMore = (): void => {
    if (next.value !== undefined && !isLoading.value) void load(next.value)
  }
  return (
    <>
      <Crumbs name={folder.name} path={directory.value} onopen={open} />
      <Failure error={error.value} />
      {entries.value.length === 0 && !isLoading.value && error.value === undefined && <p>Nothing here.</p>}
      {entries.value.length > 0 && (
        <VirtualList
          items={entries.value}
          rowHeight={ROW_PIXELS}
          label="Files"
          keyOf={entry => entry.name}
          onend={loadMore}
        >
          {entry => (
            <FileRow
              entry={entry}
              onopen={() => open(joined(directory.value, entry.name))}
              onget={() => void get(joined(directory.value, entry.name))}
              onversions={() => (versionsOf.value = joined(directory.value, entry.name))}
            />
          )}
        </VirtualList>
      )}
      {versionsOf.value !== undefined && (
        <VersionsDialog folder={folder} path={versionsOf.value} onclose={() => (versionsOf.value = undefined)} />
      )}
    </>
  )
}

/** Looks again while something is on its way. */
function useLookAgain(entries: readonly ItemDocument[], look: () => void): void {
  useEffect(() => {
    if (!entries.some(({ state }) => state === 'pending')) return undefined
    const timer = setTimeout(look, LOOK_MS)
    return () => clearTimeout(timer)
  }, [entries])
}

interface FileRowProps {
  readonly entry: ItemDocument
  readonly onopen: () => void
  readonly onget: () => void
  readonly onversions: () => void
}

function FileRow({ entry, onopen, onget, onversions }: FileRowProps) {
  const { name, kind, size, mtime, state, reason, target } = entry
  return (
    <div class="file">
      <span class="name" title={safeName(name)}>
        {kind === 'directory' ? (
          <button type="button" class="link" onClick={onopen}>
            {safeName(name)}/
          </button>
        ) : (
          safeName(name)
        )}
        {target !== undefined && <small> → {safeName(target)}</small>}
      </span>
      <span class={`state ${state}`} title={reason === undefined ? undefined : safeName(reason)}>
        {STATES[state]}
        {state === 'dropped' && (
          <button type="button" class="link" aria-label={`Get ${safeName(name)}`} onClick={onget}>
            Get
          </button>
        )}
      </span>
      <span class="size">{kind === 'file' ? bytes(size) : ''}</span>
      <span class="time">{mtime === undefined ? '' : moment(mtime)}</span>
      <button type="button" class="link" aria-label={`Kept versions of ${safeName(name)}`} onClick={onversions}>
        Versions
      </button>
    </div>
  )
}

function joined(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`
}
