import { FLOWS, type Flow } from './flows.js'
import type { Kind } from './mounts.js'

/** One way to end a device in the middle of what it does. */
export interface Suite {
  readonly title: string
  /** File systems whose power is cut: where the folder and the home of the mortal device lie. */
  readonly kinds?: readonly [folder: Kind, home: Kind | undefined]
  readonly flushesLog?: boolean
  /** How often the end comes in one flow: of all changes, at those that the seed chooses. */
  readonly points: number
}

/** A suite with a flow. */
export interface Run {
  readonly suite: Suite
  readonly flow: Flow
}

const SUITES: readonly Suite[] = [
  { title: 'F1 F2: killed', points: Infinity },
  { title: 'F3: power cut, ext4', kinds: ['ext4', undefined], points: 5 },
  { title: 'F3: power cut, ext4, journal flushed', kinds: ['ext4', undefined], flushesLog: true, points: 5 },
  {
    title: 'F3: power cut, ext4 with writeback, journal flushed',
    kinds: ['ext4-writeback', undefined],
    flushesLog: true,
    points: 5
  },
  { title: 'F3: power cut, xfs', kinds: ['xfs', undefined], points: 5 },
  { title: 'F3: power cut, xfs, journal flushed', kinds: ['xfs', undefined], flushesLog: true, points: 5 },
  { title: 'F3: power cut, folder on xfs and home on ext4', kinds: ['xfs', 'ext4'], points: 5 },
  {
    title: 'F3: power cut, folder on ext4 and home on xfs, journals flushed',
    kinds: ['ext4', 'xfs'],
    flushesLog: true,
    points: 5
  }
]

/** Every suite with every flow. */
export const RUNS: readonly Run[] = SUITES.flatMap(suite => FLOWS.map(flow => ({ suite, flow })))

export function titleOf({ suite, flow }: Run): string {
  return `${suite.title}: ${flow.title}`
}

/** True for flows whose power is cut: they are played one after the other on the same file systems, which are dear to make. */
export function cutsPower({ kinds }: Suite): boolean {
  return kinds !== undefined
}
