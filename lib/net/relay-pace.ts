import c from 'compact-encoding'
import Protomux, { type Channel } from 'protomux'
import type { NoiseStream } from '../../protocol/handshake.js'
import { LEAST_BYTES_PER_SECOND } from './rate.js'

/*
 * What a relay says to a device that it serves, beside what the package blind-relay says: how many bytes a second the device may send through it. The
 * packets themselves it can only carry or not (the system's network loop hands them on), so that a rate is kept by those who send. A relay
 * or a device that knows nothing of this refuses the channel, and all else goes on. Source: protocol/README.md#roads.
 */
const PROTOCOL = 'backer/relay'
const ID = new Uint8Array(0)
const NO_HANDSHAKE = new Uint8Array(0)

/** The relay's side. What it gives tells the device its rate, bytes per second. */
export function openPace(stream: NoiseStream): (rate: number) => void {
  const channel = channelOn(stream)
  const message = channel?.addMessage({ encoding: c.uint, onmessage: () => undefined })
  channel?.open(NO_HANDSHAKE)
  return rate => {
    if (channel?.closed === false) message?.send(rate)
  }
}

/** A device's side. `onpace` hears how many bytes a second it may send through the relay. */
export function hearPace(stream: NoiseStream, onpace: (rate: number) => void): void {
  const channel = channelOn(stream)
  channel?.addMessage({ encoding: c.uint, onmessage: (rate: number) => onpace(Math.max(rate, LEAST_BYTES_PER_SECOND)) })
  channel?.open(NO_HANDSHAKE)
}

function channelOn(stream: NoiseStream): Channel | null {
  return Protomux.from(stream).createChannel({
    protocol: PROTOCOL,
    id: ID,
    handshake: null,
    onopen: () => undefined,
    onclose: () => undefined
  })
}
