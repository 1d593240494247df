import { damagedFiles, nameBefore } from '../home/damaged.js'

/** Something about this device as a whole that its user should know, for as long as it is so. */
export interface Notice {
  readonly code: 'MALFORMED'
  readonly message: string
  readonly hint: string
  readonly path: string
}

/** What is to be told of a home. */
export async function noticesOf(home: string): Promise<readonly Notice[]> {
  const damaged = await damagedFiles(home)
  return damaged.map(path => ({
    code: 'MALFORMED',
    message: `${nameBefore(path)} was damaged, and is kept as ${path}`,
    hint: 'Look what was in it; remove it to end this notice.',
    path
  }))
}
