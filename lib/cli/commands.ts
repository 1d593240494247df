import type { Declare } from './command.js'

/** One command: what it is called, under which heading the help has it, and how the file that declares it is loaded. */
interface Listed {
  readonly names: readonly [string, ...string[]]
  readonly group: string
  readonly load: () => Promise<{ readonly declare: Declare }>
}

/** The command that stands for none. */
export const GUIDE = 'guide'

const BASICS = 'Basics:'
const FILES = 'Files and history:'
const NETWORK = 'Network:'
const SYSTEM = 'System:'

/**
 * All commands, in the order of the help. Only the file of the one that is called is loaded, so that each starts as fast as if it were alone; all
 * of them for the help.
 */
export const COMMANDS: readonly Listed[] = [
  { names: [GUIDE], group: BASICS, load: () => import('./commands/guide.js') },
  { names: ['share'], group: BASICS, load: () => import('./commands/share.js') },
  { names: ['join'], group: BASICS, load: () => import('./commands/join.js') },
  { names: ['status'], group: BASICS, load: () => import('./commands/status.js') },
  { names: ['wait'], group: BASICS, load: () => import('./commands/wait.js') },
  { names: ['key'], group: BASICS, load: () => import('./commands/key.js') },
  { names: ['pause'], group: BASICS, load: () => import('./commands/pause.js') },
  { names: ['resume'], group: BASICS, load: () => import('./commands/resume.js') },
  { names: ['leave'], group: BASICS, load: () => import('./commands/leave.js') },
  { names: ['demo'], group: BASICS, load: () => import('./commands/demo.js') },
  { names: ['log'], group: FILES, load: () => import('./commands/log.js') },
  { names: ['conflicts'], group: FILES, load: () => import('./commands/conflicts.js') },
  { names: ['ignore'], group: FILES, load: () => import('./commands/ignore.js') },
  { names: ['revisions', 'versions'], group: FILES, load: () => import('./commands/revisions.js') },
  { names: ['snapshots'], group: FILES, load: () => import('./commands/snapshots.js') },
  { names: ['ls'], group: FILES, load: () => import('./commands/ls.js') },
  { names: ['restore'], group: FILES, load: () => import('./commands/restore.js') },
  { names: ['deletes'], group: FILES, load: () => import('./commands/deletes.js') },
  { names: ['keep-local'], group: FILES, load: () => import('./commands/keep-local.js') },
  { names: ['role'], group: FILES, load: () => import('./commands/role.js') },
  { names: ['drift'], group: FILES, load: () => import('./commands/drift.js') },
  { names: ['drop'], group: FILES, load: () => import('./commands/drop.js') },
  { names: ['get'], group: FILES, load: () => import('./commands/get.js') },
  { names: ['verify'], group: FILES, load: () => import('./commands/verify.js') },
  { names: ['peers'], group: NETWORK, load: () => import('./commands/peers.js') },
  { names: ['forget'], group: NETWORK, load: () => import('./commands/forget.js') },
  { names: ['doctor'], group: NETWORK, load: () => import('./commands/doctor.js') },
  { names: ['limit'], group: NETWORK, load: () => import('./commands/limit.js') },
  { names: ['relay'], group: NETWORK, load: () => import('./commands/relay.js') },
  { names: ['dht'], group: NETWORK, load: () => import('./commands/dht.js') },
  { names: ['daemon'], group: SYSTEM, load: () => import('./commands/daemon.js') },
  { names: ['stop'], group: SYSTEM, load: () => import('./commands/stop.js') },
  { names: ['open'], group: SYSTEM, load: () => import('./commands/open.js') },
  { names: ['password'], group: SYSTEM, load: () => import('./commands/password.js') },
  { names: ['events'], group: SYSTEM, load: () => import('./commands/events.js') },
  { names: ['config'], group: SYSTEM, load: () => import('./commands/config.js') },
  { names: ['service'], group: SYSTEM, load: () => import('./commands/service.js') },
  { names: ['report'], group: SYSTEM, load: () => import('./commands/report.js') },
  { names: ['completion'], group: SYSTEM, load: () => import('./commands/completion.js') },
  { names: ['version'], group: SYSTEM, load: () => import('./commands/version.js') }
]
