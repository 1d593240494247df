import { useSignal } from '@preact/signals'
import type { SettingsDocument } from '../api/documents.js'
import { api } from '../api/routes.js'
import { Action } from '../ui/Action.js'
import { Loading, useLoaded } from '../ui/Loading.js'

type Setting = SettingsDocument['settings'][number]
const HOOK = 'hook.'

/** What can be set for this device, and what is. */
export function Settings() {
  const loaded = useLoaded(() => api.settings(), 'settings')
  return (
    <Loading loaded={loaded}>
      {({ settings }) => (
        <>
          {settings
            .filter(({ commandOnly }) => commandOnly !== true)
            .map(setting => (
              <SettingField key={setting.name} setting={setting} onsaved={loaded.reload} />
            ))}
          <Remote
            settings={settings.filter(({ name, commandOnly }) => commandOnly === true && !name.startsWith(HOOK))}
          />
          <Hooks hooks={settings.filter(({ name, value }) => name.startsWith(HOOK) && value !== undefined)} />
        </>
      )}
    </Loading>
  )
}

function SettingField({ setting, onsaved }: { readonly setting: Setting; readonly onsaved: () => void }) {
  const { name, description, fallback, live, value = '' } = setting
  const text = useSignal(value)
  const save = async (): Promise<void> => {
    await api.changeSettings({ [name]: text.value.trim() === '' ? null : text.value.trim() })
    onsaved()
  }
  return (
    <div class="setting narrow">
      <label>
        <strong>{name}</strong>: {description}
        <input placeholder={fallback} value={text.value} onInput={event => (text.value = event.currentTarget.value)} />
      </label>
      <Action onact={save} disabled={text.value.trim() === value} label={`Save ${name}`}>
        Save
      </Action>
      {!live && text.value.trim() !== value && <small>It holds from the next start of backer on.</small>}
    </div>
  )
}

/** Who may reach the page is not set from the page. */
function Remote({ settings }: { readonly settings: readonly Setting[] }) {
  return (
    <>
      <h3>This page on other machines</h3>
      <p>
        It is opened there with a password, and over TLS only. That is set with <code>backer password</code> and{' '}
        <code>backer config set page-listen IP:PORT</code>, and not from here.
      </p>
      <ul class="rows">
        {settings
          .filter(({ value }) => value !== undefined)
          .map(({ name, value }) => (
            <li key={name}>
              <strong>{name}</strong>
              <code>{value}</code>
            </li>
          ))}
      </ul>
    </>
  )
}

function Hooks({ hooks }: { readonly hooks: readonly Setting[] }) {
  return (
    <>
      <h3>Commands that are run on events</h3>
      <p>
        They are set with <code>backer config set hook.EVENT COMMAND</code>, and not from here.
      </p>
      <ul class="rows">
        {hooks.map(({ name, value }) => (
          <li key={name}>
            <strong>{name.slice(HOOK.length)}</strong>
            <code>{value}</code>
          </li>
        ))}
      </ul>
    </>
  )
}
