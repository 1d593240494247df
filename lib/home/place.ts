import { resolve } from 'node:path'
import envPaths from 'env-paths'

/** Where a device keeps its state: `BACKER_HOME`, or else the platform's own place (on Linux `$XDG_DATA_HOME/backer`). */
export function homeDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const chosen = env['BACKER_HOME']
  return chosen === undefined || chosen === '' ? envPaths('backer', { suffix: '' }).data : resolve(chosen)
}
