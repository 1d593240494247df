import type { Duplex } from 'node:stream'
import { Connection } from '../../protocol/connection.js'
import { openEnd } from '../../protocol/handshake.js'
import type { Device, Running } from './device.js'
import type { Lane } from './lane.js'
import type { Line } from './network.js'
import type { SeededRandom } from './random.js'

/** The most bytes that arrive at once. */
const PIECE_BYTES_MAX = 60_000

/** Connects two devices by the real protocol over streams that cut what they carry into pieces of any size. */
export function connectWire({ a, b, atA, atB, lanes, random, onend }: Line): (device: Device) => void {
  const ends = [openAt(a, atA, onend), openAt(b, atB, onend)] as const
  carry(ends[0], ends[1], lanes[0], random)
  carry(ends[1], ends[0], lanes[1], random)
  return device => void ends[device === a ? 0 : 1].destroy()
}

function openAt(device: Device, { folder, runtime, life }: Running, onend: () => void): Duplex {
  const { outer, noise } = openEnd({ keyPair: Promise.resolve(device.keyPair), runtime })
  outer.on('error', () => undefined)
  outer.on('close', onend)
  noise.then(
    stream => {
      if (life.isOver) return void stream.destroy()
      const connection = Connection.over(stream, { runtime })
      connection.offer(
        folder.link(() => 'stream'),
        { initiate: true }
      )
    },
    () => outer.destroy()
  )
  return outer
}

/** Carries bytes one way; the sender is held up while they are under way. */
function carry(from: Duplex, to: Duplex, lane: Lane, random: SeededRandom): void {
  from.on('data', (bytes: Buffer) => {
    for (let start = 0; start < bytes.byteLength;) {
      const length = random.oneIn(3) ? random.between(1, 20) : random.between(1, PIECE_BYTES_MAX)
      const piece = bytes.subarray(start, start + length)
      start += length
      lane.send(() => {
        if (!to.destroyed && !to.writableEnded) to.write(piece)
      })
    }
  })
  from.on('end', () =>
    lane.send(() => {
      if (!to.destroyed) to.end()
    })
  )
}
