import test from 'brittle'
import { decodeWith, encodeWith } from '../../lib/core/codec.js'
import { obstaclesIn, type ObstacleSource } from '../../lib/folder/obstacles.js'
import { obstaclesCodec } from '../../protocol/messages.js'

test('whatever a problem is about, what peers are told of it can be said, and is taken by them', t => {
  const deep = Array.from({ length: 60 }, () => 'd'.repeat(200)).join('/')
  const paths = ['', deep, 'a//b', '../x', '\\xff', 'lone \ud800', '.backer~1', 'n'.repeat(256), 'dir/good']
  const problems = paths.map(path => ({ path, code: 'unreadable', message: 'why' }))
  const source = {
    error: undefined,
    role: 'mirror',
    problems: [...problems, { path: undefined, code: 'disk-full', message: 'why' }],
    heldDeletes: undefined,
    drift: undefined
  } as unknown as ObstacleSource
  const told = obstaclesIn(source)
  t.alike(decodeWith(obstaclesCodec, encodeWith(obstaclesCodec, told), 'obstacles'), told)
  t.alike(
    told.map(({ path }) => path),
    ['\\xff', 'dir/good']
  )
})
