import type { FolderDocument, Peer } from '../../api/documents.js'
import { bytes, count, moment, rate, safeName } from '../../format.js'
import { rates } from '../../state.js'
import { FolderProgress } from '../../ui/FolderProgress.js'
import { RateGraph } from '../../ui/RateGraph.js'
import { DriftNotice } from './DriftNotice.js'
import { HeldDeletes } from './HeldDeletes.js'
import { roadOf } from '../../words.js'

/** How the folder is doing: progress, rates, what is wrong, and who else has it. */
export function OverviewTab({ folder }: { readonly folder: FolderDocument }) {
  return (
    <>
      {folder.error !== undefined && (
        <p class="failure" role="alert">
          {safeName(folder.error.message)}
          {folder.error.hint !== undefined && <small>{safeName(folder.error.hint)}</small>}
        </p>
      )}
      <HeldDeletes folder={folder} />
      <DriftNotice folder={folder} />
      <FolderProgress folder={folder} />
      <dl class="facts">
        <div>
          <dt>Content</dt>
          <dd>
            {count(folder.files, 'file')}, {bytes(folder.bytes)}
          </dd>
        </div>
        <OnlyHere folder={folder} />
        <Dropped folder={folder} />
        <Nowhere folder={folder} />
        <OwnRole folder={folder} />
      </dl>
      <Rates folder={folder} />
      <Problems folder={folder} />
      <Peers folder={folder} />
      <Absent folder={folder} />
      <Lacking folder={folder} />
    </>
  )
}

/** What this device does, where it is not a mirror. */
function OwnRole({ folder }: { readonly folder: FolderDocument }) {
  const { access, role = 'mirror' } = folder
  if (access === 'write' && role === 'mirror') return null
  return (
    <div>
      <dt>This device</dt>
      <dd>{[...(access === 'read' ? ['reads only'] : []), ...(role === 'mirror' ? [] : [role])].join(', ')}</dd>
    </div>
  )
}

/** What would be lost with this device. */
function OnlyHere({ folder }: { readonly folder: FolderDocument }) {
  const {
    files,
    bytes: size,
    sample
  } = folder.copies?.current === true ? folder.copies.onlyHere : { files: 0, bytes: 0, sample: [] }
  if (files === 0) return null
  return (
    <div title={sample.map(safeName).join('\n')}>
      <dt>Only here</dt>
      <dd>
        {count(files, 'file')}, {bytes(size)}
      </dd>
    </div>
  )
}

/** What this device has dropped. */
function Dropped({ folder }: { readonly folder: FolderDocument }) {
  const { files, bytes: size } = folder.copies?.dropped ?? { files: 0, bytes: 0 }
  if (files === 0) return null
  return (
    <div>
      <dt>On other devices only</dt>
      <dd>
        {count(files, 'file')}, {bytes(size)}
      </dd>
    </div>
  )
}

/** What no device has that is known. */
function Nowhere({ folder }: { readonly folder: FolderDocument }) {
  const { counts, current } = folder.copies ?? { counts: [], current: false }
  const files = counts[0] ?? 0
  if (!current || files === 0) return null
  return (
    <div>
      <dt>On no device that is known</dt>
      <dd>{count(files, 'file')}</dd>
    </div>
  )
}

function Rates({ folder }: { readonly folder: FolderDocument }) {
  const samples = rates.value.get(folder.id)
  if (samples === undefined) return null
  return (
    <div class="graphs">
      <figure>
        <figcaption>Received: {rate(folder.rates?.down ?? 0)}</figcaption>
        <RateGraph samples={samples.down} label="Received in the last two minutes" />
      </figure>
      <figure>
        <figcaption>Sent: {rate(folder.rates?.up ?? 0)}</figcaption>
        <RateGraph samples={samples.up} label="Sent in the last two minutes" />
      </figure>
    </div>
  )
}

function Problems({ folder }: { readonly folder: FolderDocument }) {
  const { problems, problemCount } = folder
  if (problemCount === 0) return null
  return (
    <>
      <h2>{count(problemCount, 'problem')}</h2>
      <p>All other items go on syncing.</p>
      <ul class="rows">
        {problems.map(problem => (
          <li key={`${problem.path ?? ''} ${problem.peer ?? ''} ${problem.code}`}>
            <strong>{safeName(problem.path ?? 'This folder')}</strong>
            <span>{safeName(problem.message)}</span>
          </li>
        ))}
      </ul>
      {problems.length < problemCount && <p>… and {count(problemCount - problems.length, 'other')}.</p>}
    </>
  )
}

function Peers({ folder }: { readonly folder: FolderDocument }) {
  return (
    <>
      <h2>Devices</h2>
      {folder.peers.length === 0 ? (
        <p>No other device is connected. One that has joined appears here as soon as both are online.</p>
      ) : (
        <ul class="rows">
          {folder.peers.map(peer => (
            <PeerRow key={peer.device} peer={peer} />
          ))}
        </ul>
      )}
    </>
  )
}

/** Devices that were here once and are not now. */
function Absent({ folder }: { readonly folder: FolderDocument }) {
  const absent = (folder.devices ?? []).filter(({ connected }) => !connected)
  if (absent.length === 0) return null
  return (
    <>
      <h2>Not connected</h2>
      <ul class="rows">
        {absent.map(({ device, name, lastSeen, alarm, heldSame }) => (
          <li key={device} class={alarm === true ? 'failure' : undefined}>
            <strong>{safeName(name)}</strong>
            <span>
              last seen {moment(lastSeen)}
              {heldSame === false && ', and did not hold what is here now'}
              {alarm === true && ': is it still running? What it lacks is safe on fewer devices.'}
            </span>
            <small class="path">{device.slice(0, 16)}</small>
          </li>
        ))}
      </ul>
    </>
  )
}

/** What other devices do not have, and why. */
function Lacking({ folder }: { readonly folder: FolderDocument }) {
  const { lacking = [], peers, devices = [] } = folder
  if (lacking.length === 0) return null
  const nameOf = (id: string): string => [...peers, ...devices].find(one => one.device === id)?.name ?? id.slice(0, 8)
  return (
    <>
      <h2>What others do not have</h2>
      {lacking.map(({ device, files, bytes: size, items }) => (
        <details key={device} open={items.some(({ code }) => code !== 'waiting' && code !== 'offline')}>
          <summary>
            <strong>{safeName(nameOf(device))}</strong>
            {files > 0 && `: ${count(files, 'file')}, ${bytes(size)}`}
          </summary>
          <ul class="rows">
            {items.map(({ path, message }) => (
              <li key={path}>
                <strong>{safeName(path)}</strong>
                <span>{safeName(message)}</span>
              </li>
            ))}
          </ul>
          {items.length < files && <p>… and {count(files - items.length, 'other')}.</p>}
        </details>
      ))}
    </>
  )
}

function PeerRow({ peer }: { readonly peer: Peer }) {
  return (
    <li>
      <strong>{safeName(peer.name)}</strong>
      <span>
        {peer.inSync ? 'has everything' : 'does not have everything yet'} · {roadOf(peer)}, since{' '}
        {moment(peer.connectedAt)}
        {peer.role === 'reader' && ' · reads only'} · ↓ {bytes(peer.bytesReceived)} ↑ {bytes(peer.bytesSent)}
      </span>
      <small class="path">{peer.device.slice(0, 16)}</small>
    </li>
  )
}
