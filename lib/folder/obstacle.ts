import { isBackerError, messageOf } from '../core/error.js'
import type { ProblemCode } from '../disk/disk.js'
import type { Installed } from './installer.js'
import type { Want } from './want.js'

/** When a want that could not be carried out is tried again. */
const RETRY_SOON_MS = 250
const RETRY_SPACE_MS = 3000
export const RETRY_LATER_MS = 10_000
/** How often content may be refused before the user is told: a source that just changed shows its new root soon. */
const REFUSALS_UNTOLD = 4

/** Why a want could not be carried out; without a sentence it is nothing to tell the user yet. */
export interface Obstacle {
  readonly code?: ProblemCode | 'DISK_FLOOR'
  readonly message?: string
  readonly retryMs: number
}

/** Why the content of a want did not come. What nobody could give is counted in the want. */
export function fetchObstacle(want: Want, error: unknown): Obstacle {
  if (isBackerError(error, 'DISK_FLOOR')) return { code: 'DISK_FLOOR', message: error.message, retryMs: RETRY_SPACE_MS }
  if (!isBackerError(error, 'UNAVAILABLE'))
    return { code: 'unwritable', message: messageOf(error), retryMs: RETRY_LATER_MS }
  const retryMs = RETRY_SOON_MS * 2 ** Math.min(want.refusals++, 5)
  if (want.refusals < REFUSALS_UNTOLD) return { retryMs }
  return { code: 'no-source', message: `no connected device can give ${want.path} right now`, retryMs }
}

/** Why a want could not be installed. */
export function installObstacle(result: Extract<Installed, { kind: 'changed' | 'blocked' | 'failed' }>): Obstacle {
  if (result.kind !== 'failed') return { retryMs: RETRY_SOON_MS }
  const { code, message } = result
  return { code, message, retryMs: code === 'DISK_FLOOR' ? RETRY_SPACE_MS : RETRY_LATER_MS }
}
