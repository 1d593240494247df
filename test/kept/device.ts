import { backer } from '../../lib/index.js'

/**
 * A device that keeps what is edited on it, in a process of its own: it does what its parent says, one thing after the other, and says when it
 * begins and when it has ended.
 */
const [directory = '', home = ''] = process.argv.slice(2)
const device = backer(directory, { home, keepLocal: true })
await device.ready()
await idle()
process.send?.({ kind: 'ready' })

process.on('message', (order: { readonly what: string; readonly id?: string }) => {
  void carryOut(order)
})
process.on('disconnect', () => process.exit(0))

async function carryOut({ what, id = '' }: { readonly what: string; readonly id?: string }): Promise<void> {
  const { history } = device
  process.send?.({ kind: 'begun' })
  if (what === 'snapshot') process.send?.({ kind: 'done', id: (await history.createSnapshot()).id })
  else if (what === 'tidy') process.send?.({ kind: 'done', report: await history.tidy() })
  else if (what === 'verify') process.send?.({ kind: 'done', report: await device.verifier.run({ isAnew: true }) })
  else if (what === 'restore') {
    const plan = await history.planAt(await history.stateAt({ kind: 'id', id }), [undefined])
    process.send?.({ kind: 'done', report: await history.restore(plan) })
  } else if (what === 'remove') {
    await history.removeSnapshot(id)
    process.send?.({ kind: 'done' })
  }
}

/** Everything that stands in the folder is in the index, and a copy of it is held. */
async function idle(): Promise<void> {
  while (!device.status().idle || !device.history.holder.isIdle) await new Promise(resolve => setTimeout(resolve, 2))
}
