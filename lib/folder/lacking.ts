import type { Hash } from '../core/model/hash.js'
import type { CountedLack } from './tally.js'
import type { Peer } from './peer.js'
import { LACKING_SAMPLE, type Lacking } from './status.js'

/** What a device says of an item that it does not have, in words for the user of one that has it. */
const SENTENCES: Readonly<Record<string, string>> = {
  DISK_FLOOR: 'its disk is too full',
  HELD: 'so many deletes wait there for somebody’s word',
  MARKER: 'its folder has stopped: the disk is not mounted, or its marker is gone',
  'bad-name': 'no folder there can have such a name',
  changing: 'it keeps changing there',
  collision: 'its file system takes the name for that of another item',
  drift: 'it was changed there by hand, on a device that does not write',
  ignored: 'something that is ignored there is in the way',
  kept: 'something that was deleted elsewhere and is kept there is in the way',
  'no-source': 'it waits for a device that has gone',
  'not-representable': 'its system can’t store such a name or item',
  'too-many-versions': 'there are too many versions of it',
  'send-only': 'it takes nothing over: it is send-only',
  'too-deep': 'the path is too long there',
  'special-file': 'something stands there that is no file',
  damaged: 'it is damaged there',
  unreadable: 'it can’t be read there',
  unwritable: 'it can’t be written there',
  waiting: 'on its way',
  offline: 'offline'
}

/** What is known of other devices and of this one. */
interface Known {
  /** What was counted. */
  readonly lacks: readonly CountedLack[]
  readonly peers: Iterable<Peer>
  readonly ownRoot: Hash
  /** True for a path of which this device has a record: what a device says of others is none of this one's business. */
  readonly isKnown: (path: string) => boolean
}

/** What other devices do not have of what this one has, and why. */
export function lackingOf({ lacks, peers, ownRoot, isKnown }: Known): readonly Lacking[] {
  const connected = new Map([...peers].map(peer => [peer.id, peer]))
  const counted = new Map(lacks.map(lack => [lack.device, lack]))
  const found: Lacking[] = []
  for (const device of new Set([...connected.keys(), ...counted.keys()])) {
    const peer = connected.get(device)
    // What was counted may be of a moment ago.
    if (peer?.isAt(ownRoot) === true) continue
    const { files = 0, bytes = 0, sample = [] } = counted.get(device) ?? {}
    const items = itemsOf(sample, peer, isKnown)
    if (items.length > 0) found.push({ device, files, bytes, items })
  }
  return found
}

function itemsOf(
  sample: readonly string[],
  peer: Peer | undefined,
  isKnown: (path: string) => boolean
): Lacking['items'] {
  const told = peer?.obstacles ?? []
  const whole = told.find(({ path }) => path === undefined)?.code
  const codes = new Map<string, string>()
  for (const { path, code } of told) if (path !== undefined && isKnown(path)) codes.set(path, code)
  const paths = [...new Set([...codes.keys(), ...sample])].slice(0, LACKING_SAMPLE)
  return paths.map(path => {
    const code = peer === undefined ? 'offline' : (codes.get(path) ?? whole ?? 'waiting')
    return { path, code, message: SENTENCES[code] ?? `it says ${code}` }
  })
}
