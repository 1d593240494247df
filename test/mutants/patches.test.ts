import { readdirSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import test from 'brittle'
import { messageOf } from '../../lib/core/error.js'
import { applyPatch, MUTANTS, readMutant } from './patches.js'

test('every seeded bug can still be put into the code, and has tests that should find it', t => {
  const files = readdirSync(resolve('test/mutants')).filter(name => name.endsWith('.patch'))
  t.alike(files.map(name => basename(name, '.patch')).sort(), [...MUTANTS].sort())
  for (const id of MUTANTS) {
    const { what, tests, patch } = readMutant(id)
    t.ok(what.length > 10 && tests.length > 0, id)
    let why = ''
    try {
      if (applyPatch(patch).length === 0) why = 'there is nothing in it'
    } catch (error) {
      why = messageOf(error)
    }
    t.is(why, '', `${id} (${what}): where its lines were changed, test/mutants/${id}.patch is to be made anew`)
  }
})
