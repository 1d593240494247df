import fc from 'fast-check'
import { deservesCopy } from '../../../lib/core/engine/conflict.js'
import { mergeRecords, noteLoss, writeVersion } from '../../../lib/core/engine/merge.js'
import { asHash, hashBytes } from '../../../lib/core/model/hash.js'
import type { Payload, Record, Version } from '../../../lib/core/model/record.js'
import type { ReplicaId } from '../../../lib/core/model/version.js'

/** One thing that happens to a path: a device writes it, or a device hears what another one knows. */
export type Op =
  | { readonly kind: 'write'; readonly device: number; readonly payload: Payload }
  | { readonly kind: 'hear'; readonly device: number; readonly from: number }
  /** It puts its last loser beside the path. */
  | { readonly kind: 'copy'; readonly device: number }
  /** It knows again what it knew some ops of its own ago, and no more: what it writes then bears names that were given before. */
  | { readonly kind: 'put-back'; readonly device: number; readonly by: number }

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
    fc.record({ kind: fc.constant('copy' as const), device: fc.nat(DEVICES - 1) }),
    fc.record({
      kind: fc.constant('put-back' as const),
      device: fc.nat(DEVICES - 1),
      by: fc.integer({ min: 1, max: 3 })
    })
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
  const pasts = Array.from({ length: DEVICES }, (): (Record | undefined)[] => [undefined])
  for (const op of ops) {
    const past = pasts[op.device] ?? []
    if (op.kind === 'put-back') past.splice(Math.max(1, past.length - op.by))
    else past.push(after(op, past.at(-1), op.kind === 'hear' ? pasts[op.from]?.at(-1) : undefined))
  }
  return pasts.map(past => past.at(-1))
}

function after(
  op: Exclude<Op, { kind: 'put-back' }>,
  mine: Record | undefined,
  theirs: Record | undefined
): Record | undefined {
  if (op.kind === 'write') {
    const winner = mine?.versions[0]?.payload
    const isSettled = (loser: Version): boolean => winner === undefined || !deservesCopy(loser.payload, winner)
    return writeVersion(mine, replicaOf(op.device), op.payload, isSettled)
  }
  if (op.kind === 'hear')
    return mine === undefined || theirs === undefined ? (mine ?? theirs) : mergeRecords(mine, theirs)
  const loser = mine?.versions.slice(1).at(-1)
  return mine === undefined || loser === undefined ? mine : noteLoss(mine, loser)
}

export function known(states: readonly (Record | undefined)[]): Record[] {
  return states.filter(state => state !== undefined)
}
