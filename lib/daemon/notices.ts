import { damagedFiles, nameBefore } from '../home/damaged.js'

/** Something about this device as a whole that its user should know, for as long as it is so. */
export interface Notice {
  /** `PAGE`: the page is not open to other machines although it should be. */
  readonly code: 'MALFORMED' | 'CLONED' | 'PAGE'
  readonly message: string
  readonly hint: string
  readonly path: string
}

/** Another machine, at `host`, has this device's own key. */
export function cloneNotice(home: string, host: string | undefined): Notice & { readonly code: 'CLONED' } {
  return {
    code: 'CLONED',
    message: `another machine (${host ?? 'address unknown'}) uses this device's own key: one is a copy of the other`,
    hint: 'On the copy: backer stop, remove device.key from its BACKER_HOME, and start it again. Until then the two do not meet, and nothing is lost.',
    path: home
  }
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
