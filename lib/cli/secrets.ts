import z32 from 'z32'
import { BackerError } from '../core/error.js'
import { formatKey, parseKey } from '../core/model/key-text.js'
import { folderKeyPair, toReadKey, type FolderKey } from '../core/model/keys.js'
import { hideSecrets } from '../daemon/log.js'
import type { Home } from '../home/home.js'

const HIDDEN = '[hidden]'
/** Shorter texts stand in many others, and are no secrets. */
const LEAST_LETTERS = 16
/** How much of a folder's id tells two of them apart: all of it names the folder to whoever looks for its devices. */
const ID_LETTERS = 8

/** What must not leave a device, in all forms in which it could be written. */
export interface Secrets {
  readonly texts: readonly string[]
  /** The ids of folders. */
  readonly ids: readonly string[]
}

/** All secrets of a home. `more`: texts that came from elsewhere, such as a key in a variable. Throws what reading the home throws. */
export async function secretsOf(home: Home, more: readonly (string | undefined)[]): Promise<Secrets> {
  const folders = await home.folders()
  const { secretKey } = await home.deviceKeyPair()
  const texts = [
    await home.pageToken(),
    ...formsOf(secretKey),
    // An Ed25519 secret key is its seed, then the public key.
    ...formsOf(secretKey.subarray(0, 32)),
    ...folders.flatMap(({ key }) => [key, ...formsOfKey(parseKey(key))]),
    ...more.flatMap(text => (text === undefined ? [] : [text]))
  ]
  const long = [...new Set(texts)].filter(text => text.length >= LEAST_LETTERS)
  return { texts: long.sort((a, b) => b.length - a.length), ids: folders.map(({ id }) => id) }
}

/** `text` with nothing secret in it. Throws INTERNAL rather than let one through. */
export function withoutSecrets(text: string, { texts, ids }: Secrets): string {
  let shown = text
  for (const secret of texts) shown = shown.replaceAll(anyCase(secret), HIDDEN)
  shown = hideSecrets(shown)
  for (const id of ids) shown = shown.replaceAll(anyCase(id), `${id.slice(0, ID_LETTERS)}…`)
  if (texts.some(secret => anyCase(secret).test(shown)))
    throw new BackerError('INTERNAL', 'a secret was left in what was to be written, and nothing was')
  return shown
}

function formsOfKey(key: FolderKey): readonly string[] {
  if (key.kind === 'store') return []
  const read = toReadKey(key)
  const { secretKey } = key.kind === 'write' ? folderKeyPair(key.seed) : { secretKey: undefined }
  return [
    ...textsOf(key),
    ...textsOf(read),
    ...formsOf(read.readSecret),
    ...(key.kind === 'write' ? formsOf(key.seed) : []),
    ...(secretKey === undefined ? [] : [...formsOf(secretKey), ...formsOf(secretKey.subarray(0, 32))])
  ]
}

/** The text of a key, and what of it stands behind its kind. */
function textsOf(key: FolderKey): readonly string[] {
  const text = formatKey(key)
  return [text, text.slice(text.lastIndexOf('-') + 1)]
}

function formsOf(bytes: Uint8Array): readonly string[] {
  const buffer = Buffer.from(bytes)
  return [
    buffer.toString('hex'),
    buffer.toString('base64').replace(/=+$/, ''),
    buffer.toString('base64url'),
    z32.encode(bytes)
  ]
}

function anyCase(text: string): RegExp {
  return new RegExp(
    text.replace(/[^A-Za-z0-9]/g, letter => `\\${letter}`),
    'gi'
  )
}
