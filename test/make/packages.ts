import { execFileSync } from 'node:child_process'

/**
 * Installs the Debian packages whose programs this machine lacks: `programs` names each program's package. Throws where this is not root and
 * something is missing.
 */
export function installPackages(programs: Readonly<Record<string, string>>): void {
  const missing = Object.entries(programs)
    .filter(([program]) => !isThere(program))
    .map(([, name]) => name)
  if (missing.length === 0) return
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...new Set(missing)]
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    execFileSync('apt-get', install, { stdio: 'ignore', env })
  } catch {
    // The lists of packages are too old, or were never fetched.
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore' })
    execFileSync('apt-get', install, { stdio: ['ignore', 'ignore', 'inherit'], env })
  }
}

function isThere(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
