import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BackerError, messageOf } from '../core/error.js'
import type { Context } from './context.js'
import { askHidden, INTERRUPTED, readLine } from './prompt.js'

const KEY_BYTES_MAX = 4096
/** Shorter words are directories; a key is longer, even with its first letters lost. */
const KEY_LETTERS_MIN = 40

/** What the words after `join` are. */
export interface JoinWords {
  /** A key's text, or `-` for stdin. */
  readonly key?: string | undefined
  readonly directory?: string | undefined
}

/** Tells KEY from DIR: a single word is a key if it looks like one, even like a mistyped one, and is no directory. */
export async function sortJoinWords(words: readonly string[], cwd: string): Promise<JoinWords> {
  const [first, second] = words
  if (first === undefined) return {}
  if (second !== undefined) return { key: first, directory: second }
  if (first === '-' || /^backer-(rw|ro|st)-/i.test(first)) return { key: first }
  return looksLikeKey(first) && !(await exists(resolve(cwd, first))) ? { key: first } : { directory: first }
}

/**
 * The key to join with: the word, `--key-file`, `BACKER_KEY`, or what is typed at a hidden prompt; undefined where none is given and
 * `isOptional`. Throws KEY_MISSING where there is none, USAGE where it is given twice, FILE_SYSTEM where the file can't be read.
 */
export async function readKey(
  { process, printer }: Context,
  given: { readonly word: string | undefined; readonly file: string | undefined; readonly isOptional: boolean }
): Promise<string | typeof INTERRUPTED | undefined> {
  const { word, file, isOptional } = given
  if (word !== undefined && file !== undefined) throw new BackerError('USAGE', 'the key is given twice')
  if (word === '-') return clean(await readLine(process.stdin, KEY_BYTES_MAX))
  if (word !== undefined) return clean(word)
  if (file !== undefined) return clean(await readKeyFile(resolve(process.cwd(), file)))
  const fromEnvironment = process.env['BACKER_KEY']
  if (fromEnvironment !== undefined) return clean(fromEnvironment)
  if (isOptional) return undefined
  if (!process.stdin.isTTY || printer.json) throw missing()
  const answer = await askHidden('Key: ', process)
  return answer === INTERRUPTED ? answer : clean(answer)
}

function clean(text: string): string {
  const key = text.trim()
  if (key === '') throw missing()
  return key
}

async function readKeyFile(file: string): Promise<string> {
  try {
    return await readLine(createReadStream(file), KEY_BYTES_MAX)
  } catch (error) {
    if (error instanceof BackerError) throw error
    throw new BackerError('FILE_SYSTEM', `the key can't be read from ${file}: ${messageOf(error)}`, {
      path: file,
      cause: error
    })
  }
}

function looksLikeKey(word: string): boolean {
  return /^backer-/i.test(word) || (word.length >= KEY_LETTERS_MIN && /^[a-z0-9-]+$/i.test(word))
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false
  )
}

function missing(): BackerError {
  return new BackerError('KEY_MISSING', 'no key was given', {
    hint: 'Give it as KEY, with --key-file FILE, in BACKER_KEY, or on stdin with "-". On the other computer backer share DIR prints it.'
  })
}
