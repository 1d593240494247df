import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BackerError } from '../core/error.js'
import { readDocument } from '../home/damaged.js'
import { replacePrivateFile } from '../home/private-file.js'

/**
 * The password of the page beyond this machine. The home keeps what scrypt makes of it, in 32 MiB and about a quarter of a second for each try.
 * Source: OWASP Password Storage Cheat Sheet; RFC 7914.
 */

const SCHEMA = 1
const CHARACTERS_MIN = 8
const BYTES_MAX = 1024
const SALT_BYTES = 16
const HASH_BYTES = 32
const COST = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 } as const

/** What is kept of a password: hexadecimal. `salt` is another one each time that a password is set. */
export interface KeptPassword {
  readonly salt: string
  readonly hash: string
}

export function passwordFile(home: string): string {
  return join(home, 'page-password')
}

/** What is kept; undefined where none was set. Throws MALFORMED once where the file is damaged (it is put aside), UNSUPPORTED where a newer backer wrote it. */
export function readPassword(home: string): Promise<KeptPassword | undefined> {
  return readDocument(passwordFile(home), {
    what: 'the password of the page',
    schema: SCHEMA,
    hint: 'Set it again with backer password.',
    parse: parseKept
  })
}

/** Sets the password. Throws USAGE for one that is too short or too long. */
export async function setPassword(home: string, password: string): Promise<void> {
  if (password.length < CHARACTERS_MIN || Buffer.byteLength(password) > BYTES_MAX)
    throw new BackerError(
      'USAGE',
      `a password has at least ${CHARACTERS_MIN} characters, and at most ${BYTES_MAX} bytes`
    )
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, salt)
  const kept = { schema: SCHEMA, salt: salt.toString('hex'), hash: hash.toString('hex') }
  await replacePrivateFile(passwordFile(home), `${JSON.stringify(kept)}\n`)
}

/** Without one the page is not opened beyond this machine. */
export function removePassword(home: string): Promise<void> {
  return rm(passwordFile(home), { force: true })
}

/** Whether a password is the one that was set; it takes as long when it is not. */
export async function isPassword(password: string, { salt, hash }: KeptPassword): Promise<boolean> {
  if (Buffer.byteLength(password) > BYTES_MAX) return false
  return timingSafeEqual(await derive(password, Buffer.from(salt, 'hex')), Buffer.from(hash, 'hex'))
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, COST, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}

function parseKept({ salt, hash }: Readonly<Record<string, unknown>>): KeptPassword {
  const isHex = (text: unknown, bytes: number): text is string =>
    typeof text === 'string' && text.length === bytes * 2 && /^[0-9a-f]+$/.test(text)
  if (!isHex(salt, SALT_BYTES) || !isHex(hash, HASH_BYTES)) throw new TypeError('it has no hash')
  return { salt, hash }
}
