import { hashAll, hashKeyed } from '../core/model/hash.js'
import type { FolderSecret } from '../../protocol/proof.js'

const TAG_BYTES = 16
/** Tags are filled up to a multiple of this, so that their number tells little of how many folders there are. */
const TAGS_STEP = 8
/** How many tags of one announcement are looked at. */
export const TAGS_MAX = 256

/** What a folder's devices know each other by on a LAN: secret, one-way, and of no use for anything else. */
export function lanKey({ folderPublicKey, readSecret }: FolderSecret): Uint8Array {
  return hashAll([Buffer.from('backer lan v1\0'), folderPublicKey, readSecret])
}

/** The folder's tag in the announcement of one instance: for whoever lacks the key, 16 random bytes. Source: protocol/README.md#roads. */
export function tagOf(key: Uint8Array, instance: string): Uint8Array {
  return hashKeyed(key, [Buffer.from('backer lan tag v1\0'), Buffer.from(instance)]).subarray(0, TAG_BYTES)
}

/** The tags of all folders among random ones, sorted, so that their order tells nothing. `random` gives that many random bytes. */
export function makeTags(
  keys: readonly Uint8Array[],
  instance: string,
  random: (length: number) => Uint8Array
): readonly Buffer[] {
  const tags = keys.slice(0, TAGS_MAX).map(key => Buffer.from(tagOf(key, instance)))
  const count = Math.max(1, Math.ceil(tags.length / TAGS_STEP)) * TAGS_STEP
  while (tags.length < count) tags.push(Buffer.from(random(TAG_BYTES)))
  return tags.sort((a, b) => a.compare(b))
}

/** The names of the folders, by their keys, that an instance announces. */
export function recognise(
  keys: ReadonlyMap<string, Uint8Array>,
  instance: string,
  tags: readonly Uint8Array[]
): readonly string[] {
  const seen = new Set(tags.slice(0, TAGS_MAX).map(tag => Buffer.from(tag).toString('hex')))
  return [...keys]
    .filter(([, key]) => seen.has(Buffer.from(tagOf(key, instance)).toString('hex')))
    .map(([name]) => name)
}
