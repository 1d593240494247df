import fc from 'fast-check'
import { hashBytes, type Hash } from '../../lib/core/model/hash.js'
import { parsePath, whyNotPath, type RelativePath } from '../../lib/core/model/path.js'
import { compareVersions, type Payload, type Record, type Version } from '../../lib/core/model/record.js'
import { compareDots, type Dot, type ReplicaId, type VersionVector } from '../../lib/core/model/version.js'

/** A path, checked. */
export function path(text: string): RelativePath {
  return parsePath(text)
}

/** The replica with this number. */
export function replica(number: number): ReplicaId {
  return number.toString(16).padStart(16, '0') as ReplicaId
}

/** The hash of a text: any hash will do where nobody looks for the bytes. */
export function hashOf(text: string): Hash {
  return hashBytes(Buffer.from(text))
}

/** What a maker of records may be told; the rest is filled in. */
export interface RecordParts {
  readonly replica?: ReplicaId
  readonly counter?: number
}

/** The record of one write of `payload`. */
export function recordOf(payload: Payload, { replica: by = replica(1), counter = 1 }: RecordParts = {}): Record {
  const dots = [{ replica: by, counter }]
  return { context: dots, versions: [{ dots, payload }] }
}

/** The record of a file whose content is named by a text. */
export function fileRecord(text: string, parts: RecordParts & { readonly size?: number } = {}): Record {
  const size = parts.size ?? Buffer.byteLength(text)
  const content = { height: 0, root: hashOf(text) }
  return recordOf({ kind: 'file', size, mtimeNs: 1_700_000_000_000_000_000n, mode: 0o644, content }, parts)
}

/** The record of a deleted path. */
export function deletedRecord(parts: RecordParts = {}): Record {
  return recordOf({ kind: 'deleted' }, parts)
}

const name: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'ab', 'a.b', 'a b', 'A', '!', '-', '~') },
    {
      weight: 2,
      arbitrary: fc.constantFrom('é', 'e\u0301', '日本', '\ue000', '\uffff', '\u{10000}', '\u{1f600}', '\u007f')
    },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }) },
    { weight: 2, arbitrary: fc.nat(99).map(number => `file ${number}.txt`) },
    { weight: 1, arbitrary: fc.integer({ min: 200, max: 255 }).map(length => 'long'.repeat(64).slice(0, length)) }
  )
  .filter(text => whyNotPath(text) === undefined && !text.includes('/'))

/** Valid paths of all kinds: short ones that collide and nest, every plane of Unicode, long ones. */
export const arbitraryPath: fc.Arbitrary<RelativePath> = fc
  .array(name, { minLength: 1, maxLength: 5 })
  .map(names => names.join('/'))
  .filter(text => whyNotPath(text) === undefined)
  .map(path)

const hash: fc.Arbitrary<Hash> = fc.nat(50).map(number => hashOf(`content ${number}`))
const mtimeNs = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(0n, 1n, -1n))
const mode = fc.nat(0o777)
const size = fc.oneof(fc.nat(), fc.constantFrom(0, 252, 253, 2 ** 16, 2 ** 32, Number.MAX_SAFE_INTEGER))
const target = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter(text => !text.includes('\0') && text.isWellFormed())

/** Any payload that a record can have. */
export const arbitraryPayload: fc.Arbitrary<Payload> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({ size, mtimeNs, mode, root: hash, height: fc.nat(3) })
      .map(({ root, height, ...rest }): Payload => ({ kind: 'file', ...rest, content: { root, height } }))
  },
  { weight: 1, arbitrary: fc.record({ mode }).map((rest): Payload => ({ kind: 'directory', ...rest })) },
  { weight: 1, arbitrary: fc.record({ target, mtimeNs }).map((rest): Payload => ({ kind: 'symlink', ...rest })) },
  { weight: 1, arbitrary: fc.constant<Payload>({ kind: 'deleted' }) }
)

const counter = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(0xfc, 0xfd, 0x10000, 2 ** 32, 2 ** 48) }
)
const dot: fc.Arbitrary<Dot> = fc.record({ replica: fc.nat(7).map(replica), counter })

/** Any version vector. */
export const arbitraryVector: fc.Arbitrary<VersionVector> = fc.array(dot, { maxLength: 8 }).map(vectorOf)

/** Any record: mostly of one version, sometimes of several concurrent ones. */
export const arbitraryRecord: fc.Arbitrary<Record> = fc
  .tuple(
    fc.array(fc.tuple(arbitraryPayload, fc.array(dot, { minLength: 1, maxLength: 3 }), fc.boolean()), {
      minLength: 1,
      maxLength: 3
    }),
    arbitraryVector
  )
  .map(([writes, seen]) => {
    const versions = writes
      .map(([payload, dots, hasLost]): Version => ({
        payload,
        dots: uniqueDots(dots),
        ...(hasLost ? { hasLost } : {})
      }))
      .sort(compareVersions)
      .filter((version, i, all) => i === 0 || compareVersions(version, all[i - 1]!) !== 0)
    return { context: vectorOf([...seen, ...versions.flatMap(version => version.dots)]), versions }
  })

function uniqueDots(dots: readonly Dot[]): Dot[] {
  const sorted = [...dots].sort(compareDots)
  return sorted.filter((item, i) => i === 0 || compareDots(sorted[i - 1]!, item) !== 0)
}

function vectorOf(dots: readonly Dot[]): VersionVector {
  const counters = new Map<ReplicaId, number>()
  for (const item of dots) counters.set(item.replica, Math.max(item.counter, counters.get(item.replica) ?? 0))
  return [...counters].map(([by, highest]) => ({ replica: by, counter: highest })).sort(compareDots)
}

/** `count` files in directories of about a hundred, different in path and content. */
export function manyFiles(count: number): Map<RelativePath, Record> {
  const records = new Map<RelativePath, Record>()
  for (let i = 0; i < count; i++)
    records.set(path(`directory ${i % Math.ceil(count / 100)}/file ${i}.txt`), fileRecord(`content ${i}`))
  return records
}
