import type { ComponentChildren } from 'preact'
import type { FolderDocument } from '../api/documents.js'
import { count, safeName } from '../format.js'
import { href } from '../route.js'
import { folders } from '../state.js'
import { Badge } from '../ui/Badge.js'
import { ConflictsTab } from './folder/ConflictsTab.js'
import { FilesTab } from './folder/FilesTab.js'
import { IgnoreTab } from './folder/IgnoreTab.js'
import { LogTab } from './folder/LogTab.js'
import { ManageTab } from './folder/ManageTab.js'
import { OverviewTab } from './folder/OverviewTab.js'
import { PastTab } from './folder/PastTab.js'
import { ShareTab } from './folder/ShareTab.js'

interface Tab {
  readonly name: string
  readonly title: string
  readonly show: (folder: FolderDocument) => ComponentChildren
}

const TABS: readonly Tab[] = [
  { name: 'overview', title: 'Overview', show: folder => <OverviewTab folder={folder} /> },
  { name: 'files', title: 'Files', show: folder => <FilesTab folder={folder} /> },
  { name: 'share', title: 'Share', show: folder => <ShareTab folder={folder} /> },
  {
    name: 'conflicts',
    title: 'Conflicts',
    show: folder => <ConflictsTab folder={folder} />
  },
  { name: 'past', title: 'Past', show: folder => <PastTab folder={folder} /> },
  { name: 'log', title: 'History', show: folder => <LogTab folder={folder} /> },
  { name: 'ignore', title: 'Ignored', show: folder => <IgnoreTab folder={folder} /> },
  { name: 'manage', title: 'Manage', show: folder => <ManageTab folder={folder} /> }
]

/** One folder, with a tab for each thing that one may want to know of it. */
export function FolderPage({ id, tab }: { readonly id: string; readonly tab: string }) {
  const folder = folders.value.get(id)
  if (folder === undefined) {
    return (
      <section>
        <h1>No such folder</h1>
        <p>
          This device does not have it (any more). <a href={href()}>All folders</a>
        </p>
      </section>
    )
  }
  const shown = TABS.find(({ name }) => name === tab) ?? TABS[0]
  return (
    <section>
      <div class="heading">
        <h1>{safeName(folder.name)}</h1>
        <Badge folder={folder} />
      </div>
      <p class="path">
        {safeName(folder.path)}
        {folder.access === 'read' && ' · read only'}
        {folder.problemCount > 0 && ` · ${count(folder.problemCount, 'problem')}`}
      </p>
      <nav class="tabs" aria-label="About this folder">
        <ul>
          {TABS.map(({ name, title }) => (
            <li key={name}>
              <a href={href('folders', id, name)} aria-current={name === shown?.name ? 'page' : undefined}>
                {title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      {shown?.show(folder)}
    </section>
  )
}
