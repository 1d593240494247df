import test from 'brittle'
import { Model } from './black-box/model.js'

test('the model lets a write arrive late, and a conflict end either way', t => {
  const model = new Model(2)
  model.write(0, 'a')
  t.ok(model.read(1, undefined))
  model.write(1, 'b')
  t.alike(model.outcomes.sort(), ['a beside [b]', 'b beside []', 'b beside [a]'])
  t.ok(model.settle(['a', 'b']))
})

test('the model knows what must not be', t => {
  const lost = new Model(2)
  lost.write(0, 'a')
  t.absent(lost.settle([]), 'a lost write')
  const invented = new Model(2)
  invented.write(0, 'a')
  t.absent(invented.read(1, 'c'), 'an invented value')
  const needless = new Model(2)
  needless.write(0, 'a')
  t.ok(needless.read(1, 'a'))
  needless.write(1, 'b')
  t.absent(needless.settle(['a', 'b']), 'a conflict between a write and the one that replaced it')
  const edited = new Model(2)
  edited.write(0, 'a')
  t.ok(edited.read(1, 'a'))
  edited.write(0, 'b')
  edited.write(1, undefined)
  t.ok(edited.settle(['b']), 'an edit survives a delete')
})
