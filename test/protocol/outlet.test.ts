import test from 'brittle'
import { Outlet } from '../../protocol/outlet.js'

test('each piece leaves when the stream has taken the one before, in order', async t => {
  let isDrained = true
  const sent: number[] = []
  const outlet = new Outlet(() => isDrained)
  const sends = [1, 2, 3].map(piece =>
    outlet.send(() => {
      sent.push(piece)
      isDrained = piece === 2
    })
  )
  await sends[0]
  t.alike(sent, [1])
  outlet.flow()
  t.alike(sent, [1], 'not before the stream is drained')
  isDrained = true
  outlet.flow()
  await Promise.all(sends)
  t.alike(sent, [1, 2, 3], 'while the stream takes more, more goes')
})

test('a closed outlet lets go of what waits, and of what still comes, unsent', async t => {
  const sent: number[] = []
  const outlet = new Outlet(() => false)
  const waiting = outlet.send(() => void sent.push(1))
  outlet.close()
  await waiting
  await outlet.send(() => void sent.push(2))
  t.alike(sent, [])
})
