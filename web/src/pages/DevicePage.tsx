import { useSignal } from '@preact/signals'
import type { LimitsDocument, NetworkDocument } from '../api/documents.js'
import { api } from '../api/routes.js'
import { count, rate, safeName } from '../format.js'
import { Action } from '../ui/Action.js'
import { Loading, useLoaded } from '../ui/Loading.js'
import { Settings } from './Settings.js'

const BYTES_PER_UNIT = 1000
/** What the daemon takes at least. */
const LEAST_KILOBYTES = 16

/** What holds for this device and all its folders: how it stands in the network, and how much it may send and fetch. */
export function DevicePage() {
  const network = useLoaded(() => api.network(), 'network')
  const limits = useLoaded(() => api.limits(), 'limits')
  return (
    <section>
      <h1>This device</h1>
      <h2>Network</h2>
      <Loading loaded={network}>{document => <Network network={document} />}</Loading>
      <h2>Limits</h2>
      <Loading loaded={limits}>{document => <LimitsForm limits={document} onsaved={limits.reload} />}</Loading>
      <h2>Settings</h2>
      <Settings />
    </section>
  )
}

function Network({ network: { dht, lan, tcpPort, relays, isRelay, failures } }: { readonly network: NetworkDocument }) {
  if (dht === undefined) return <p>No folder runs, so that nothing of the network is in use.</p>
  return (
    <>
      <dl class="facts">
        <Fact title="Local network">{lanWord(lan)}</Fact>
        <Fact title="DHT">{dht.online ? `${count(dht.nodes, 'node')} known` : 'no node answers'}</Fact>
        <Fact title="Router">{natWord(dht)}</Fact>
        <Fact title="TCP">{tcpPort === undefined ? 'not used' : `port ${String(tcpPort)}`}</Fact>
        <Fact title="Relays">{isRelay ? 'this device relays for others' : count(relays, 'relay')}</Fact>
      </dl>
      {failures.length > 0 && <p>{count(failures.length, 'device')} could not be reached over the DHT.</p>}
      <p>
        <code>backer doctor</code> says of each thing that does not work what to do.
      </p>
    </>
  )
}

function Fact({ title, children }: { readonly title: string; readonly children: string }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{safeName(children)}</dd>
    </div>
  )
}

function lanWord(lan: NetworkDocument['lan']): string {
  if (lan === undefined) return 'turned off'
  return lan.length === 0 ? 'no interface has an address' : lan.join(', ')
}

function natWord({ bootstrapped, address, randomized, firewalled }: NonNullable<NetworkDocument['dht']>): string {
  if (!bootstrapped) return 'not known'
  if (address !== undefined) return `open, at ${address}`
  if (randomized) return 'gives each connection another port'
  return firewalled ? 'keeps ports: others can get through' : 'lets others in'
}

function LimitsForm({ limits, onsaved }: { readonly limits: LimitsDocument; readonly onsaved: () => void }) {
  const up = useSignal(kilobytes(limits.up))
  const down = useSignal(kilobytes(limits.down))
  const includeLan = useSignal(limits.includeLan)
  const save = async (): Promise<void> => {
    const { timetable } = limits
    await api.setLimits({
      up: perSecond(up.value),
      down: perSecond(down.value),
      includeLan: includeLan.value,
      timetable
    })
    onsaved()
  }
  return (
    <div class="narrow">
      <div class="pair">
        <label>
          Upload, KB/s
          <input
            type="number"
            min={LEAST_KILOBYTES}
            placeholder="no limit"
            value={up.value}
            onInput={e => (up.value = e.currentTarget.value)}
          />
        </label>
        <label>
          Download, KB/s
          <input
            type="number"
            min={LEAST_KILOBYTES}
            placeholder="no limit"
            value={down.value}
            onInput={e => (down.value = e.currentTarget.value)}
          />
        </label>
      </div>
      <label>
        <input
          type="checkbox"
          role="switch"
          checked={includeLan.value}
          onChange={e => (includeLan.value = e.currentTarget.checked)}
        />
        Within the local network too
      </label>
      <Action kind="primary" onact={save}>
        Save
      </Action>
      <Timetable timetable={limits.timetable} />
    </div>
  )
}

function Timetable({ timetable }: { readonly timetable: LimitsDocument['timetable'] }) {
  if (timetable.length === 0) return null
  return (
    <>
      <h3>Timetable</h3>
      <p>
        While it has entries, it holds in place of the rates above. It is set with <code>backer limit --schedule</code>.
      </p>
      <ul class="rows">
        {timetable.map(entry => (
          <li key={entry.minute}>
            <strong>{clock(entry.minute)}</strong>
            <span>
              ↑ {entry.up == null ? 'no limit' : rate(entry.up)}, ↓ {entry.down == null ? 'no limit' : rate(entry.down)}
            </span>
          </li>
        ))}
      </ul>
    </>
  )
}

function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
}

function kilobytes(bytesPerSecond: number | null | undefined): string {
  return bytesPerSecond == null ? '' : String(Math.round(bytesPerSecond / BYTES_PER_UNIT))
}

/** Throws where the rate is lower than any that is kept to. */
function perSecond(text: string): number | null {
  if (text.trim() === '') return null
  const kilobytesPerSecond = Number(text)
  if (!(kilobytesPerSecond >= LEAST_KILOBYTES))
    throw new Error(`A rate is ${LEAST_KILOBYTES} KB/s at least; leave the field empty for no limit.`)
  return Math.round(kilobytesPerSecond * BYTES_PER_UNIT)
}
