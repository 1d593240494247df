import { mergeRecords } from '../../lib/core/engine/merge.js'
import { hashesEqual } from '../../lib/core/model/hash.js'
import { comparePaths, type RelativePath } from '../../lib/core/model/path.js'
import { sameRecord, type Record } from '../../lib/core/model/record.js'
import { hasSeen } from '../../lib/core/model/version.js'
import { buildTree } from '../../lib/core/tree/update.js'
import type { MemoryIndex } from '../../lib/store/memory.js'
import type { Device } from './device.js'
import { Broken } from './ledger.js'

/** What devices have of one path, merged in any order, is one record, and merging that again changes nothing. Throws Broken. */
export function inspectMerging(devices: readonly Device[]): void {
  const byPath = new Map<RelativePath, Record[]>()
  for (const { entries } of devices)
    for (const [path, { record }] of entries) {
      const known = byPath.get(path)
      if (known === undefined) byPath.set(path, [record])
      else known.push(record)
    }
  for (const [path, all] of byPath) {
    const records = distinct(all)
    const merged = records.reduce(mergeRecords)
    const others = [
      records.reduceRight(mergeRecords),
      ...records.map((one, i) =>
        records.slice(i + 1).reduce(mergeRecords, records.slice(0, i).reduce(mergeRecords, one))
      ),
      ...records.map(one => mergeRecords(merged, one))
    ]
    if (others.some(other => !sameRecord(other, merged)))
      throw new Broken('S6', `what devices know of ${path} depends on the order in which they hear it`, path)
  }
}

/** The records without those that say the same as an earlier one. */
function distinct(records: readonly Record[]): readonly Record[] {
  return records.filter((one, i) => !records.slice(0, i).some(earlier => sameRecord(earlier, one)))
}

/** An index is whole: its trees are those of its entries. Throws Broken. */
export function inspectIndex({ name, image: index }: Device): void {
  const sorted = [...index.entries].sort(([a], [b]) => comparePaths(a, b))
  const { root } = buildTree(sorted.map(([path, { record }]) => [path, record]))
  if (!hashesEqual(root, index.root))
    throw new Broken('S20', `${name}: the tree of the index is not that of its entries`)
}

/** Watches that what a device knows of a path only grows, as long as it has its index. */
export class Knowledge {
  readonly #device: Device
  #index: MemoryIndex | undefined
  #sequence = -1
  #known: ReadonlyMap<RelativePath, Record> = new Map()

  constructor(device: Device) {
    this.#device = device
  }

  /** Throws Broken where the device has gone back to what it knew before. */
  look(): void {
    const { image: index, name } = this.#device
    const isSame = index === this.#index
    if (isSame && index.sequence === this.#sequence) return
    const before = isSame ? this.#known : new Map<RelativePath, Record>()
    const now = new Map<RelativePath, Record>()
    for (const [path, { record }] of index.entries) {
      now.set(path, record)
      const was = before.get(path)
      if (was === undefined || was === record) continue
      if (!was.context.every(dot => hasSeen(record.context, dot)))
        throw new Broken('S18', `${name} has forgotten what it knew of ${path}`, path)
    }
    for (const path of before.keys())
      if (!now.has(path)) throw new Broken('S18', `${name} knows nothing of ${path} any more`, path)
    this.#index = index
    this.#sequence = index.sequence
    this.#known = now
  }
}
