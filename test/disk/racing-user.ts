import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { textsBelow, revisionTexts, type Folder } from './make-folder.js'

/** What a user may do to a path in the middle of an installation. */
export const ACTIONS = ['write', 'save', 'append', 'delete', 'make-directory'] as const
export type Action = (typeof ACTIONS)[number]

/**
 * A user who works at some paths of a folder, and a ledger of what he wrote: a text that he himself replaced, deleted or
 * changed is no longer his; every other one must be found in the end.
 */
export class RacingUser {
  readonly #folder: Folder
  readonly #live = new Set<string>()
  readonly #last = new Map<string, string | undefined>()
  #count = 0

  constructor(folder: Folder) {
    this.#folder = folder
    for (const text of textsBelow(folder).values()) this.#live.add(text)
  }

  /** Does one thing, if it can be done to what stands at the path now. */
  act(action: Action, path: string): void {
    const at = this.#folder.at(path)
    if (lstatSync(dirname(at), { throwIfNoEntry: false })?.isDirectory() !== true) return
    const stats = lstatSync(at, { throwIfNoEntry: false })
    if (stats?.isDirectory() === true || stats?.isSymbolicLink() === true) return
    const before = stats === undefined ? undefined : readFileSync(at, 'utf8')
    const text = `user: ${action} ${String(++this.#count).padEnd(this.#count, '.')}`
    const after = this.#carryOut(action, at, { before, text })
    if (after === NOT_DONE) return
    if (before !== undefined) this.#live.delete(before)
    if (after !== undefined) this.#live.add(after)
    this.#last.set(path, after)
  }

  #carryOut(
    action: Action,
    at: string,
    { before, text }: { readonly before: string | undefined; readonly text: string }
  ): string | undefined | typeof NOT_DONE {
    switch (action) {
      case 'write':
        writeFileSync(at, text)
        return text
      case 'save':
        writeFileSync(this.#folder.at('.saving'), text)
        renameSync(this.#folder.at('.saving'), at)
        return text
      case 'append':
        if (before === undefined) return NOT_DONE
        writeFileSync(at, text, { flag: 'a' })
        return before + text
      case 'delete':
        if (before === undefined) return NOT_DONE
        unlinkSync(at)
        return undefined
      case 'make-directory':
        rmSync(at, { force: true })
        mkdirSync(at)
        writeFileSync(`${at}/within`, text)
        return text
    }
  }

  /** What is neither in the folder nor in its revisions. */
  lost(): string[] {
    const found = new Set([...textsBelow(this.#folder).values(), ...revisionTexts(this.#folder)])
    return [...this.#live].filter(text => !found.has(text)).map(text => `${text} is lost`)
  }

  /** What is lost, and what is not where the user has put it last. */
  complaints(): string[] {
    const tree = textsBelow(this.#folder)
    const moved = [...this.#last].flatMap(([path, text]) => {
      const standing = tree.get(path) ?? tree.get(`${path}/within`)
      return text === undefined || standing === text ? [] : [`${path} has ${String(standing)}, not ${text}`]
    })
    return [...this.lost(), ...moved]
  }
}

const NOT_DONE = Symbol('not done')
