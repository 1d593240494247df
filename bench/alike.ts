import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isOwn } from './check.js'

/** How long is waited for anything before the run is given up. */
export const DEADLINE_MS = 15 * 60 * 1000

/** Resolves when both directories show the same paths, sizes and times: a quick look; `check.ts` has the last word. Throws when it takes too long. */
export async function becomesAlike(a: string, b: string, timeStepNs: bigint): Promise<void> {
  const start = performance.now()
  for (let probeMs = 1; !isAlike(a, b, timeStepNs);) {
    await wait(Math.max(2, probeMs))
    const begun = performance.now()
    if (begun - start > DEADLINE_MS) throw new Error('a change has not arrived')
    probeMs = performance.now() - begun
  }
}

function isAlike(a: string, b: string, timeStepNs: bigint): boolean {
  const names = readdirSync(a)
  const others = new Set(readdirSync(b))
  if (names.length !== others.size) return false
  return names.every(name => {
    if (!others.has(name)) return false
    if (isOwn(name)) return true
    const [left, right] = [a, b].map(root => lstatSync(join(root, name), { bigint: true, throwIfNoEntry: false }))
    if (left === undefined || right === undefined) return false
    if (left.isDirectory()) return right.isDirectory() && isAlike(join(a, name), join(b, name), timeStepNs)
    return left.size === right.size && left.mtimeNs / timeStepNs === right.mtimeNs / timeStepNs
  })
}
