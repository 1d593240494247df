import type { Limits, TimetableEntry } from '../../../net/rate.js'
import type { NetworkReport } from '../../../net/report.js'
import type { SettingsDocument } from '../../document.js'
import { always, count, flag, list, number, object, optional, schemaNumber as schema, text } from './shape.js'

export const settings = object<SettingsDocument>({
  schema,
  settings: list(
    object<SettingsDocument['settings'][number]>({
      name: text(),
      description: text(),
      fallback: text(),
      live: flag,
      commandOnly: optional(always(true)),
      variable: optional(text()),
      value: optional(text())
    })
  )
})

export const limits = object<Limits & { readonly schema: 1 }>({
  schema,
  up: optional(number),
  down: optional(number),
  timetable: list(object<TimetableEntry>({ minute: count, up: optional(number), down: optional(number) })),
  includeLan: flag
})

/** Only the schema's number while no folder runs. */
export const network = object<Partial<NetworkReport> & { readonly schema: 1 }>({
  schema,
  tcpPort: optional(count),
  lan: optional(list(text())),
  dht: optional(
    object<NetworkReport['dht']>({
      bootstrapped: flag,
      online: flag,
      firewalled: flag,
      randomized: flag,
      address: optional(text()),
      nodes: count
    })
  ),
  relays: optional(count),
  failures: optional(
    list(object<{ readonly device: string; readonly code: string }>({ device: text(), code: text() }))
  ),
  isRelay: optional(flag),
  targets: optional(
    list(object<NetworkReport['targets'][number]>({ address: text(), device: optional(text()), fixed: flag }))
  )
})
