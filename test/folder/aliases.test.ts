import test from 'brittle'
import { parentOf, type RelativePath } from '../../lib/core/model/path.js'
import { Aliases } from '../../lib/folder/aliases.js'
import type { Entry } from '../../lib/store/store.js'
import { TRAITS } from '../disk/make-folder.js'
import { STAMP } from '../make/entry.js'
import { deletedRecord, fileRecord, path } from '../make/record.js'

const FOLDING = { ...TRAITS, foldsCase: true }

/** An index of files that stand on the disk, and of one that is gone and one that is not here yet. */
function index() {
  const entries = new Map<RelativePath, Entry>([
    [path('Readme'), { record: fileRecord('r'), stamp: STAMP }],
    [path('dir/a'), { record: fileRecord('a'), stamp: STAMP }],
    [path('dir'), { record: fileRecord('d'), stamp: STAMP }],
    [path('caf\u00e9'), { record: fileRecord('c'), stamp: STAMP }],
    [path('gone'), { record: deletedRecord(), stamp: undefined }],
    [path('wanted'), { record: fileRecord('w'), stamp: undefined }]
  ])
  return {
    get: (at: RelativePath) => entries.get(at),
    children: (at: RelativePath | undefined) => [...entries].filter(([child]) => parentOf(child) === at)
  }
}

test('a name that stands there in another form is found, on the way as well', t => {
  const aliases = new Aliases(index(), FOLDING)
  t.is(aliases.clashOf(path('README'), undefined), 'Readme')
  t.is(aliases.clashOf(path('DIR/b'), undefined), 'dir')
  t.is(aliases.clashOf(path('dir/A'), undefined), 'dir/a')
  t.is(aliases.clashOf(path('cafe\u0301'), undefined), 'caf\u00e9')
  for (const free of ['Readme', 'dir/b', 'GONE', 'WANTED', 'other'])
    t.is(aliases.clashOf(path(free), undefined), undefined)
})

test('of two new ones the second is held back, and what leaves makes room', t => {
  const aliases = new Aliases(index(), FOLDING)
  aliases.claim(path('new'))
  t.is(aliases.clashOf(path('NEW'), undefined), 'new')
  t.is(aliases.clashOf(path('README'), path('Readme')), undefined)
})

test('a file system that tells all names apart holds nothing back', t => {
  t.is(new Aliases(index(), TRAITS).clashOf(path('README'), undefined), undefined)
})
