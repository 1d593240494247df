import type { FolderDocument } from '../api/documents.js'
import { api } from '../api/routes.js'
import { bytes, count, rate, safeName } from '../format.js'
import { href } from '../route.js'
import { refresh, sortedFolders } from '../state.js'
import { Action } from '../ui/Action.js'
import { Badge } from '../ui/Badge.js'
import { FolderProgress } from '../ui/FolderProgress.js'
import { Welcome } from './Welcome.js'

/** All folders of this device. */
export function FoldersPage() {
  if (sortedFolders.value.length === 0) return <Welcome />
  return (
    <section>
      <div class="heading">
        <h1>Folders</h1>
        <div class="buttons">
          <a role="button" class="secondary" href={href('join')}>
            Join a folder
          </a>
          <a role="button" href={href('add')}>
            Share a folder
          </a>
        </div>
      </div>
      <ul class="cards">
        {sortedFolders.value.map(folder => (
          <li key={folder.id}>
            <FolderCard folder={folder} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function FolderCard({ folder }: { readonly folder: FolderDocument }) {
  const { id, name, path, files, rates, peers, problemCount, paused } = folder
  const setPaused = async (): Promise<void> => {
    await api.changeFolder(id, { paused: paused !== true })
    await refresh()
  }
  return (
    <article class="card">
      <header>
        <h2>
          <a href={href('folders', id)}>{safeName(name)}</a>
        </h2>
        <Badge folder={folder} />
      </header>
      <p class="path">{safeName(path)}</p>
      {folder.error !== undefined && <p class="failure">{safeName(folder.error.message)}</p>}
      <FolderProgress folder={folder} />
      <dl class="facts">
        <div>
          <dt>Content</dt>
          <dd>
            {count(files, 'file')}, {bytes(folder.bytes)}
          </dd>
        </div>
        <div>
          <dt>Devices</dt>
          <dd>{peers.length === 0 ? 'none connected' : `${String(peers.length)} connected`}</dd>
        </div>
        {rates !== undefined && rates.up + rates.down > 0 && (
          <div>
            <dt>Now</dt>
            <dd>
              ↓ {rate(rates.down)} ↑ {rate(rates.up)}
            </dd>
          </div>
        )}
      </dl>
      <footer>
        {problemCount > 0 && <a href={href('folders', id)}>{count(problemCount, 'problem')}</a>}
        <Action onact={setPaused} label={`${paused === true ? 'Resume' : 'Pause'} ${safeName(name)}`}>
          {paused === true ? 'Resume' : 'Pause'}
        </Action>
      </footer>
    </article>
  )
}
