import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installPackages } from '../make/packages.js'
import { Mounts } from './mounts.js'
import { compileAtCall } from './strike.js'

/** Installs what the suite needs, and tries it. Throws with what this machine can't do. */
export function prepareMachine(): void {
  if (process.getuid?.() !== 0) throw new Error('it needs root, to mount file systems')
  installPackages({ cc: 'build-essential', 'mkfs.xfs': 'xfsprogs', xfs_io: 'xfsprogs', 'mkfs.ext4': 'e2fsprogs' })
  const base = mkdtempSync(join(tmpdir(), 'backer-crash-'))
  const mounts = new Mounts(base)
  try {
    execFileSync(compileAtCall(base), ['0', join(base, 'calls.log'), 'true'])
    for (const kind of ['ext4', 'xfs'] as const) mounts.cutPower(mounts.make(kind, kind), true)
  } finally {
    mounts.close()
    rmSync(base, { recursive: true, force: true })
  }
}
