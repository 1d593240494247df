import { isBackerError } from '../../core/error.js'
import { SCHEMA } from '../../daemon/document.js'
import { readLimits, writeLimits } from '../../daemon/network-settings.js'
import { openHome } from '../../home/home.js'
import { parseRate, parseTimetable, type Limits, type Rates } from '../../net/rate.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes } from '../format.js'
import type { Declare } from '../command.js'

interface LimitOptions {
  readonly up?: string
  readonly down?: string
  readonly schedule?: string
  /** Within a LAN too. */
  readonly lan?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('limit')
    .description('shows or sets how many bytes a second go up and down; not within a LAN')
    .option('--up <RATE>', 'such as 512k or 2M; off: as much as there is')
    .option('--down <RATE>', 'the same, for what is fetched')
    .option('--schedule <TIMETABLE>', 'other rates from times of the day on: "08:00,512k 23:00,off"; off: none')
    .option('--lan', 'within a LAN too')
    .option('--no-lan', 'not within a LAN')
    .action((options: LimitOptions) => act(context => limit(context, options)))
}

/** `backer limit`: shows or sets the rates that this device keeps to, from now on and for good. Throws USAGE. */
async function limit(context: Context, options: LimitOptions): Promise<ExitCode> {
  const before = await current(context)
  const limits = changed(before, options)
  if (Object.keys(options).length > 0) await keep(context, limits)
  const { printer } = context
  if (printer.json) printer.document({ schema: SCHEMA, ...limits })
  else printer.result(...describe(limits))
  return EXIT.done
}

function changed(before: Limits, { up, down, schedule, lan }: LimitOptions): Limits {
  return {
    up: up === undefined ? before.up : parseRate(up),
    down: down === undefined ? before.down : parseRate(down),
    timetable: schedule === undefined ? before.timetable : parseTimetable(schedule),
    includeLan: lan ?? before.includeLan
  }
}

async function current({ client, config }: Context): Promise<Limits> {
  try {
    return await client.limits()
  } catch (error) {
    if (!isBackerError(error, 'NOT_RUNNING')) throw error
    return readLimits(openHome(config.home))
  }
}

/** Where nothing runs they are kept for the next time. */
async function keep({ client, config }: Context, limits: Limits): Promise<void> {
  try {
    await client.setLimits(limits)
  } catch (error) {
    if (!isBackerError(error, 'NOT_RUNNING')) throw error
    await writeLimits(openHome(config.home), limits)
  }
}

function describe({ up, down, timetable, includeLan }: Limits): string[] {
  const lines = timetable.map(({ minute, ...rates }) => `from ${timeOf(minute)}  ${ratesOf(rates)}`)
  return [
    ...(timetable.length === 0 ? [ratesOf({ up, down })] : lines),
    includeLan ? 'within a LAN too' : 'not within a LAN'
  ]
}

function ratesOf({ up, down }: Rates): string {
  const rateOf = (rate: number | undefined): string => (rate === undefined ? 'no limit' : `${formatBytes(rate)}/s`)
  return `up ${rateOf(up)}, down ${rateOf(down)}`
}

function timeOf(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
}
