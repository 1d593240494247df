import type { Home } from '../home/home.js'
import { join } from 'node:path'
import { readDocument } from '../home/damaged.js'
import { readIfThere, replacePrivateFile } from '../home/private-file.js'
import type { NetworkMemory, Remembered } from '../net/network.js'
import { NO_LIMITS, type Limits, type Rates, type TimetableEntry } from '../net/rate.js'

/**
 * What a home keeps of its network: `network.json`, what was found out (nodes of the DHT, addresses of devices), and `limits.json`, what the user
 * set. The first may be lost without harm, so one that can't be read is one that is not there.
 */

const NOTHING: Remembered = { nodes: [], peers: [] }
const MINUTES_PER_DAY = 24 * 60

export function networkMemory(home: Home): NetworkMemory {
  const file = join(home.directory, 'network.json')
  return {
    load: async () => parseRemembered(parseJson(await readIfThere(file))),
    save: remembered => replacePrivateFile(file, `${JSON.stringify({ schema: 1, ...remembered }, undefined, 2)}\n`)
  }
}

/** The rates that the user set; none where the file is missing. Throws MALFORMED once where it is damaged (it is put aside), UNSUPPORTED where a newer backer wrote it. */
export async function readLimits(home: Home): Promise<Limits> {
  const limits = await readDocument(limitsFile(home), {
    what: 'the limits',
    schema: 1,
    hint: 'No limits hold any more: set them again with backer limit.',
    parse: parseLimits
  })
  return limits ?? NO_LIMITS
}

export function writeLimits(home: Home, limits: Limits): Promise<void> {
  return replacePrivateFile(limitsFile(home), `${JSON.stringify({ schema: 1, ...limits }, undefined, 2)}\n`)
}

function limitsFile(home: Home): string {
  return join(home.directory, 'limits.json')
}

function parseJson(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return objectOf(JSON.parse(text ?? '{}'))
  } catch {
    return {}
  }
}

function parseRemembered({ nodes, peers }: Readonly<Record<string, unknown>>): Remembered {
  return {
    ...NOTHING,
    nodes: listOf(nodes).flatMap(node => {
      const { host, port } = objectOf(node)
      return typeof host === 'string' && typeof port === 'number' ? [{ host, port }] : []
    }),
    peers: listOf(peers).flatMap(peer => {
      const { address, folders } = objectOf(peer)
      const names = listOf(folders).filter(name => typeof name === 'string')
      return typeof address === 'string' ? [{ address, folders: names }] : []
    })
  }
}

/** Rates in a document: what is no rate is none. */
export function parseLimits(limits: Readonly<Record<string, unknown>>): Limits {
  const timetable = listOf(limits['timetable']).flatMap((entry): TimetableEntry[] => {
    const { minute, ...rates } = objectOf(entry)
    const isMinute = typeof minute === 'number' && minute >= 0 && minute < MINUTES_PER_DAY
    return isMinute ? [{ minute, ...ratesOf(rates) }] : []
  })
  return { ...NO_LIMITS, ...ratesOf(limits), timetable, includeLan: limits['includeLan'] === true }
}

function ratesOf({ up, down }: Readonly<Record<string, unknown>>): Rates {
  const rate = (value: unknown): number | undefined => (typeof value === 'number' && value > 0 ? value : undefined)
  return { up: rate(up), down: rate(down) }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
