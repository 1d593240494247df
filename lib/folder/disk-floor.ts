import { BackerError } from '../core/error.js'
import type { Disk, Space } from '../disk/disk.js'
import type { Clock } from '../runtime.js'

/** What stays free on the disk: the smaller of this share of it and this many bytes. */
const FLOOR_SHARE = 0.01
const FLOOR_BYTES_MAX = 1024 ** 3
/** What a file costs beside its content: its last block, its entry, its rows in the index. */
const FILE_COST_BYTES = 8192
/** How long a look at the disk holds: others write to it too. Where it says no, it holds less long. */
const LOOK_HOLDS_MS = 1000
const REFUSAL_HOLDS_MS = 200

/** Less than this is as good as nothing. */
const FULL_BYTES = 1024 * 1024

/** Bytes that are to be written. */
export interface Reservation {
  /** So many of them were written. */
  wrote(bytes: number): void
  /** Nothing more will be written. */
  end(): void
}

/**
 * Keeps a part of the disk free that changes of other devices don't use, so that whoever works on this device, the index, and deletes always have
 * room. What would go below it is refused with DISK_FLOOR; it is up to the caller to try again. A figure that was looked up is counted down by what
 * is written here, so that thousands of small files need few looks.
 */
export class DiskFloor {
  readonly #disk: Pick<Disk, 'space'>
  readonly #clock: Clock
  #space: Space = { freeBytes: 0, totalBytes: 0 }
  #lookedAt = -Infinity
  #looking: Promise<void> | undefined
  #reserved = 0

  constructor(disk: Pick<Disk, 'space'>, clock: Clock) {
    this.#disk = disk
    this.#clock = clock
  }

  /** Small files, of so many bytes together, are about to be written. Throws DISK_FLOOR. */
  async spend(bytes: number, files = 1): Promise<void> {
    const cost = bytes + files * FILE_COST_BYTES
    await this.#admit(cost)
    this.#wrote(cost)
  }

  /** A large file is about to be written, piece by piece. Throws DISK_FLOOR. */
  async reserve(bytes: number): Promise<Reservation> {
    await this.#admit(bytes + FILE_COST_BYTES)
    let left = bytes
    this.#reserved += left
    const less = (count: number): void => {
      const taken = Math.min(count, left)
      left -= taken
      this.#reserved -= taken
    }
    return {
      wrote: count => {
        less(count)
        this.#wrote(count)
      },
      end: () => less(left)
    }
  }

  async #admit(bytes: number): Promise<void> {
    const holdsMs = this.#hasRoom(bytes) ? LOOK_HOLDS_MS : REFUSAL_HOLDS_MS
    if (this.#clock.monotonic() - this.#lookedAt > holdsMs) await this.#look()
    if (!this.#hasRoom(bytes)) throw belowFloor(floorOf(this.#space))
  }

  #hasRoom(bytes: number): boolean {
    return this.#space.freeBytes - this.#reserved - bytes >= floorOf(this.#space)
  }

  #wrote(bytes: number): void {
    this.#space = { ...this.#space, freeBytes: this.#space.freeBytes - bytes }
  }

  #look(): Promise<void> {
    this.#looking ??= this.#disk
      .space()
      .then(space => {
        this.#space = space
        this.#lookedAt = this.#clock.monotonic()
      })
      .finally(() => (this.#looking = undefined))
    return this.#looking
  }
}

/** A write that was cut short because the disk is full comes as any error: `tell` hears of a full disk as such, since that can be helped. */
export async function tellFullDisk(
  disk: Pick<Disk, 'space'>,
  reason: BackerError,
  tell: (full: BackerError) => void
): Promise<void> {
  // A disk that fails may not say.
  const space = await disk.space().catch(() => undefined)
  if (space === undefined || space.freeBytes >= FULL_BYTES) return
  tell(new BackerError('DISK_FLOOR', `the disk is full: ${reason.message}`, { cause: reason }))
}

/** What is kept free of a disk, in bytes. */
export function floorOf({ totalBytes }: Pick<Space, 'totalBytes'>): number {
  return Math.min(FLOOR_BYTES_MAX, FLOOR_SHARE * totalBytes)
}

function belowFloor(floorBytes: number): BackerError {
  const mebibytes = Math.max(1, Math.round(floorBytes / 1024 ** 2))
  return new BackerError(
    'DISK_FLOOR',
    `It waits for space: with it, less than ${mebibytes} MiB would be free on the disk.`,
    { hint: 'Free some space: what waits comes by itself then. Deletes are carried out meanwhile.' }
  )
}
