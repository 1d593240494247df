import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'brittle'

/** An empty directory that goes with the test. */
export async function makeTemporary(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'backer-test-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }), { order: 100 })
  return directory
}
