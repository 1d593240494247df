import test from 'brittle'
import { isMassDelete } from '../../../lib/core/engine/mass-delete.js'

test('more than 100 files and more than a fifth of all are a mass delete, and nothing less is', t => {
  t.is(isMassDelete({ removed: 101, files: 101 }), true)
  t.is(isMassDelete({ removed: 101, files: 504 }), true)
  t.is(isMassDelete({ removed: 101, files: 505 }), false, 'a fifth')
  t.is(isMassDelete({ removed: 100, files: 100 }), false, 'a hundred')
  t.is(isMassDelete({ removed: 200_001, files: 1_000_000 }), true)
  t.is(isMassDelete({ removed: 0, files: 0 }), false)
})
