import { useSignal } from '@preact/signals'
import type { SettingsDocument } from '../api/documents.js'
import { api } from '../api/routes.js'
import { daemon, refresh } from '../state.js'
import { Action } from '../ui/Action.js'
import { Loading, useLoaded } from '../ui/Loading.js'

const BYTES_PER_UNIT = 1000

/** What holds for this device as a whole. */
export function SettingsPage() {
  const loaded = useLoaded(() => api.settings(), '')
  return (
    <section class="narrow">
      <h1>Settings</h1>
      <Loading loaded={loaded}>{settings => <SettingsForm settings={settings} />}</Loading>
      <h2>This device</h2>
      <p class="path">{daemon.value?.device}</p>
    </section>
  )
}

function SettingsForm({ settings }: { readonly settings: SettingsDocument }) {
  const name = useSignal(settings.deviceName)
  const up = useSignal(kilobytes(settings.limits?.up))
  const down = useSignal(kilobytes(settings.limits?.down))
  const lan = useSignal(settings.lan !== false)
  const save = async (): Promise<void> => {
    const limits = { up: bytesOf(up.value), down: bytesOf(down.value) }
    await api.changeSettings({ deviceName: name.value.trim(), limits, lan: lan.value })
    await refresh()
  }
  return (
    <>
      <label>
        What other devices call this one
        <input
          name="deviceName"
          maxLength={64}
          value={name.value}
          onInput={event => (name.value = event.currentTarget.value)}
        />
      </label>
      <div class="pair">
        <label>
          Receive at most (KB/s)
          <input
            name="down"
            inputMode="numeric"
            pattern="[0-9]*"
            placeholder="no limit"
            value={down.value}
            onInput={event => (down.value = event.currentTarget.value)}
          />
        </label>
        <label>
          Send at most (KB/s)
          <input
            name="up"
            inputMode="numeric"
            pattern="[0-9]*"
            placeholder="no limit"
            value={up.value}
            onInput={event => (up.value = event.currentTarget.value)}
          />
        </label>
      </div>
      <label>
        <input
          type="checkbox"
          role="switch"
          checked={lan.value}
          onChange={event => (lan.value = event.currentTarget.checked)}
        />
        Find other devices on the local network
      </label>
      <Action onact={save} kind="primary" disabled={name.value.trim() === ''}>
        Save
      </Action>
    </>
  )
}

function kilobytes(bytesPerSecond: number | null | undefined): string {
  return bytesPerSecond === null || bytesPerSecond === undefined
    ? ''
    : String(Math.round(bytesPerSecond / BYTES_PER_UNIT))
}

/** null: no limit. */
function bytesOf(text: string): number | null {
  const value = Number.parseInt(text, 10)
  return Number.isFinite(value) && value > 0 ? value * BYTES_PER_UNIT : null
}
