import fc from 'fast-check'
import { deservesCopy } from '../../../lib/core/engine/conflict.js'
import { mergeRecords, noteLoss, writeVersion } from '../../../lib/core/engine/merge.js'
import { asHash, hashBytes } from '../../../lib/core/model/hash.js'
import type { Payload, Record } from '../../../lib/core/model/record.js'
import type { ReplicaId } from '../../../lib/core/model/version.js'

/** One thing that happens to a path: a device writes it, or a device hears what another one knows. */
export type Op =
  | { readonly kind: 'write'; readonly device: number; readonly payload: Payload }
  | { readonly kind: 'hear'; readonly device: number; readonly from: number }
  /** It puts its last loser beside the path. */
  | { readonly kind: 'copy'; readonly device: number }

export const DEVICES = 4

/** Few contents and times, so that equal ones are common. */
export const payloads: fc.Arbitrary<Payload> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.nat(4), fc.nat(2), fc.constantFrom(0o644, 0o755))
      .map(([n, t, mode]) => file(n, BigInt(t), mode))
  },
  { weight: 2, arbitrary: fc.constant<Payload>({ kind: 'deleted' }) },
  { weight: 1, arbitrary: fc.constantFrom(0o755, 0o700).map((mode): Payload => ({ kind: 'directory', mode })) },
  { weight: 1, arbitrary: fc.nat(2).map((n): Payload => ({ kind: 'symlink', target: `to-${n}`, mtimeNs: BigInt(n) })) }
)

export const histories: fc.Arbitrary<Op[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('write' as const), device: fc.nat(DEVICES - 1), payload: payloads }),
    fc.record({ kind: fc.constant('hear' as const), device: fc.nat(DEVICES - 1), from: fc.nat(DEVICES - 1) }),
    fc.record({ kind: fc.constant('copy' as const), device: fc.nat(DEVICES - 1) })
  ),
  { maxLength: 25 }
)

export function file(n: number, mtimeNs = 0n, mode = 0o644): Payload {
  return { kind: 'file', size: n, mtimeNs, mode, content: { root: asHash(hashBytes(Uint8Array.of(n))), height: 0 } }
}

export function replicaOf(device: number): ReplicaId {
  return device.toString(16).padStart(16, '0') as ReplicaId
}

/** What each device knows of the path after a history; undefined where it knows nothing. */
export function play(ops: readonly Op[]): (Record | undefined)[] {
  const states = new Array<Record | undefined>(DEVICES).fill(undefined)
  for (const op of ops) {
    const mine = states[op.device]
    if (op.kind === 'write') {
      const winner = mine?.versions[0]?.payload
      states[op.device] = writeVersion(
        mine,
        replicaOf(op.device),
        op.payload,
        loser => winner === undefined || !deservesCopy(loser.payload, winner)
      )
    } else if (op.kind === 'copy') {
      const loser = mine?.versions.slice(1).at(-1)
      if (mine !== undefined && loser !== undefined) states[op.device] = noteLoss(mine, loser)
    } else {
      const theirs = states[op.from]
      if (theirs !== undefined) states[op.device] = mine === undefined ? theirs : mergeRecords(mine, theirs)
    }
  }
  return states
}

export function known(states: readonly (Record | undefined)[]): Record[] {
  return states.filter(state => state !== undefined)
}
