import { AddPage } from './pages/AddPage.js'
import { DevicePage } from './pages/DevicePage.js'
import { FolderPage } from './pages/FolderPage.js'
import { FoldersPage } from './pages/FoldersPage.js'
import { LockedPage } from './pages/LockedPage.js'
import { safeName } from './format.js'
import { href, route } from './route.js'
import { connection, daemon, isRemote, leave } from './state.js'
import { Action } from './ui/Action.js'

/** The whole page: where one is, whether backer answers, and what is shown. */
export function App() {
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="container top">
        <a class="brand" href={href()}>
          <img src="./icon.svg" alt="" width={28} height={28} />
          backer
        </a>
        <nav aria-label="Main">
          <ul>
            <li>
              <a href={href()} aria-current={route.value.length === 0 ? 'page' : undefined}>
                Folders
              </a>
            </li>
            <li>
              <a href={href('device')} aria-current={route.value[0] === 'device' ? 'page' : undefined}>
                This device
              </a>
            </li>
          </ul>
        </nav>
      </header>
      <main id="main" class="container" tabIndex={-1}>
        <Connection />
        <Notices />
        <Place />
      </main>
      <footer class="container">
        <small>
          {daemon.value !== undefined && (
            <>
              backer {daemon.value.version} · this device: <span class="path">{daemon.value.device.slice(0, 16)}</span>
              {isRemote && <Action onact={leave}>Leave this page</Action>}
            </>
          )}
        </small>
      </footer>
    </>
  )
}

function Connection() {
  if (connection.value !== 'offline') return null
  return (
    <p class="notice" role="alert">
      backer does not answer. What is shown here may be out of date; it is tried again every few seconds.
    </p>
  )
}

/** What one should know of the device as a whole. */
function Notices() {
  return (daemon.value?.notices ?? []).map(({ path, message, hint }) => (
    <p class="notice" role="alert" key={path}>
      {safeName(message)} <small>{safeName(hint)}</small>
    </p>
  ))
}

function Place() {
  if (connection.value === 'locked') return <LockedPage />
  if (daemon.value === undefined) return <p aria-busy={connection.value === 'connecting'}>Connecting to backer …</p>
  const [first, id, tab] = route.value
  if (first === 'add' || first === 'join') return <AddPage joins={first === 'join'} key={first} />
  if (first === 'device') return <DevicePage />
  if (first === 'folders' && id !== undefined) return <FolderPage id={id} tab={tab ?? 'overview'} key={id} />
  return <FoldersPage />
}
