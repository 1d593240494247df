import { InvalidArgumentError, Option } from 'commander'
import z32 from 'z32'
import { messageOf } from '../core/error.js'
import { parseKey } from '../core/model/key-text.js'
import { topicOf, type FolderKey } from '../core/model/keys.js'
import { parseRate } from '../net/rate.js'

const PUBLIC_KEY_BYTES = 32

/** What a command says of its argument FOLDER. */
export const FOLDER = 'its path, its name or the start of its id; may be left out inside it'

/** `--foreground`. */
export function foregroundOption(): Option {
  return new Option('--foreground', 'stays, and runs in this process until Ctrl-C')
}

/** One more id of a device, after those `before`. Throws InvalidArgumentError, as all here do. */
export function deviceIds(text: string, before: readonly string[] | undefined): readonly string[] {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('It is the id of a device: 64 hexadecimal letters.')
  return [...(before ?? []), text]
}

/** The topic of one more folder, by its id or its store key, after those `before`. */
export function topics(text: string, before: readonly Uint8Array[] | undefined): readonly Uint8Array[] {
  try {
    const key: FolderKey = text.startsWith('backer-')
      ? parseKey(text)
      : { kind: 'store', folderPublicKey: z32.decode(text) }
    if (key.kind !== 'store') throw new InvalidArgumentError('That key is a secret, and too much for a relay.')
    if (key.folderPublicKey.byteLength !== PUBLIC_KEY_BYTES)
      throw new InvalidArgumentError('An id of a folder has 52 letters.')
    return [...(before ?? []), topicOf(key)]
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)} backer doctor prints the ids of folders.`)
  }
}

/** Bytes per second; undefined for `off`. */
export function rate(text: string): number | undefined {
  try {
    return parseRate(text)
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error))
  }
}

export function seconds(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It is a number of seconds.')
  return Number(text)
}

export function count(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('It is a number from 0 to 9999.')
  return Number(text)
}

export function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new InvalidArgumentError('It is a number from 0 to 65535.')
  return Number(text)
}
