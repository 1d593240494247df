import { messageOf } from '../core/error.js'
import type { ItemProblem } from './disk.js'
import { codeOf, problemOf } from './problem.js'

/**
 * Why something can't be read: any error of the system is the problem of this one item, and stops nothing else. Throws `error` itself
 * where it is none of the system's.
 */
export function readingProblemOf(error: unknown): ItemProblem {
  const known = problemOf(error, 'reading')
  if (known !== undefined) return known
  if (codeOf(error) === undefined) throw error
  return { code: 'unreadable', message: `It can't be read: ${messageOf(error)}.` }
}
