import { createRequire } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'
import { systemCode } from '../../home/private-file.js'

const require = createRequire(import.meta.url)

/** A package, and what of it and of what it needs is loaded by itself, before the whole. */
export interface InParts {
  readonly name: string
  readonly parts: readonly string[]
}

/**
 * Loads a package of CommonJS modules part by part, so that whatever else waits has its turn between them: all at once would hold up the process for a tenth of a
 * second. A part that the package has no more is passed over.
 */
export async function loadInTurns<T>({ name, parts }: InParts): Promise<T> {
  const within = createRequire(require.resolve(name))
  for (const part of parts) {
    try {
      within(part)
    } catch (error) {
      if (systemCode(error) !== 'MODULE_NOT_FOUND') throw error
    }
    await turn()
  }
  return require(name) as T
}

/** Does one thing after the other, with a turn for all else between them. */
export async function inTurns(steps: readonly (() => void | Promise<void>)[]): Promise<void> {
  for (const step of steps) {
    await step()
    await turn()
  }
}
