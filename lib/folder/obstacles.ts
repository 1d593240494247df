import { OBSTACLES_TOLD } from '../../protocol/limits.js'
import type { Obstacle as ToldObstacle } from '../../protocol/peer-link.js'
import { whyNotPath, type RelativePath } from '../core/model/path.js'
import type { Timer } from '../runtime.js'
import type { FolderContext } from './context.js'
import type { Peer } from './peer.js'
import type { FolderStatus } from './status.js'

/** At most this often peers hear what keeps this device from having what they have. */
const INTERVAL_MS = 1000

/** What is to be told is read off this. */
export type ObstacleSource = Pick<FolderStatus, 'error' | 'role' | 'problems' | 'heldDeletes' | 'drift'>

/** Tells peers why this device does not have what they have, so that they can tell their users. Nothing is decided by it. */
export class ObstacleTeller {
  readonly #context: FolderContext
  readonly #peers: Iterable<Peer>
  readonly #folder: { status(): ObstacleSource }
  #told: readonly ToldObstacle[] = []
  #timer: Timer | undefined

  constructor(context: FolderContext, peers: Iterable<Peer>, folder: { status(): ObstacleSource }) {
    this.#context = context
    this.#peers = peers
    this.#folder = folder
  }

  /** Something may have changed. */
  note(): void {
    const { runtime, closed } = this.#context
    if (closed.aborted) return
    this.#timer ??= runtime.timers.after(INTERVAL_MS, () => {
      this.#timer = undefined
      this.#tell()
    })
  }

  /** A peer has come. */
  greet(peer: Peer): void {
    if (this.#told.length > 0) peer.link.sendObstacles(this.#told)
  }

  close(): void {
    this.#timer?.cancel()
  }

  #tell(): void {
    const obstacles = obstaclesIn(this.#folder.status())
    if (isSame(obstacles, this.#told)) return
    this.#told = obstacles
    for (const peer of this.#peers) if (!peer.closed) peer.link.sendObstacles(obstacles)
  }
}

/** What keeps a device from having all that others have: of the folder as a whole first, then item by item. */
export function obstaclesIn({ error, role, problems, heldDeletes, drift }: ObstacleSource): readonly ToldObstacle[] {
  const whole = [...(error === undefined ? [] : [error.code]), ...(role === 'send-only' ? [role] : [])]
  const items = [
    ...problems.flatMap(({ path, code }) => (path === undefined ? [] : [{ path, code }])),
    ...(heldDeletes === undefined ? [] : heldDeletes.sample.map(path => ({ path, code: 'HELD' }))),
    ...(drift === undefined ? [] : drift.sample.map(path => ({ path, code: 'drift' })))
  ]
  return [
    ...whole.map(code => ({ path: undefined, code })),
    // What can't be a path in a folder (too long, no text) nobody else has, nor could be told of.
    ...items
      .filter(({ path }) => whyNotPath(path) === undefined)
      .map(({ path, code }) => ({ path: path as RelativePath, code }))
  ].slice(0, OBSTACLES_TOLD)
}

function isSame(a: readonly ToldObstacle[], b: readonly ToldObstacle[]): boolean {
  return a.length === b.length && a.every(({ path, code }, i) => path === b[i]?.path && code === b[i]?.code)
}
