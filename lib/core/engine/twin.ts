import { encodeWith } from '../codec.js'
import { hashAll } from '../model/hash.js'
import { payloadCodec, samePayload, type Payload, type Version } from '../model/record.js'
import { compareDots, dotCodec, dotsEqual, replicaFromBytes, type Dot } from '../model/version.js'

/**
 * The name that a write gets once another write with the same name is replaced and it is not: from then on nobody takes it for the one that was. Two writes
 * bear one name where a device was put back to an earlier state and writes before it hears of that, or where two machines have one device's key and
 * index.
 */
export function setApart(dot: Dot, payload: Payload): Dot {
  const parts = [
    Buffer.from('backer write with a taken name v1\0'),
    encodeWith(dotCodec, dot),
    encodeWith(payloadCodec, payload)
  ]
  return { replica: replicaFromBytes(hashAll(parts)), counter: dot.counter }
}

/**
 * `found`, a version of the same path, under the names that its writes have in `mine`; undefined where it is another one. So whoever has it has it under one
 * name, whether it has heard by then that others bear that name or not.
 */
export function asHeld(mine: Version, found: Version): Version | undefined {
  if (!samePayload(mine.payload, found.payload)) return undefined
  const isFound = (dot: Dot): boolean => found.dots.some(other => dotsEqual(other, dot))
  const apart = mine.dots.filter(dot => !isFound(dot)).map(dot => ({ dot, name: setApart(dot, mine.payload) }))
  const renamed = apart.filter(({ name }) => isFound(name))
  if (renamed.length === 0) return mine.dots.some(isFound) ? found : undefined
  const nameIn = (dot: Dot): Dot => renamed.find(({ name }) => dotsEqual(name, dot))?.dot ?? dot
  return { ...found, dots: found.dots.map(nameIn).sort(compareDots) }
}
