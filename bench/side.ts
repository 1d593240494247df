import { connect, createServer, type Socket } from 'node:net'
import { compileLittle } from '../lib/cli/compiling.js'
import { keepHeapSmall } from '../lib/cli/heap.js'
import { backer, type Backer } from '../lib/index.js'

/*
 * One device in a process of its own: `side.js DIRECTORY [KEY]`. It talks to the bench by messages. Devices are joined by a plain TCP
 * connection, over which `createStream()` encrypts: what is measured is the engine and its channel, without a DHT.
 */

/** What the bench tells a side. */
export type Order =
  { readonly kind: 'listen' } | { readonly kind: 'connect'; readonly port: number } | { readonly kind: 'close' }

/** What a side tells the bench. `state`: whenever it, or what the device holds, changes. */
export type Word =
  | { readonly kind: 'open'; readonly key: string }
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'state'; readonly state: string; readonly root: string }

const STATE_INTERVAL_MS = 5

// As for whoever uses the command line.
keepHeapSmall()
compileLittle()
const [directory = '.', key] = process.argv.slice(2)
const side = backer(directory, { key, createDirectory: true })
await side.ready()
tell({ kind: 'open', key: side.key })
let last = ''
const watching = setInterval(() => {
  const { state, root } = side.status()
  if (`${state} ${root}` === last) return
  tell({ kind: 'state', state, root })
  last = `${state} ${root}`
}, STATE_INTERVAL_MS)
process.on('message', (order: Order) => {
  if (order.kind === 'listen') listen()
  else if (order.kind === 'connect') join(side, connect(order.port, '127.0.0.1'))
  else void close()
})

// A bench that was cut off leaves nobody behind.
process.on('disconnect', () => void close())

function listen(): void {
  const server = createServer(socket => join(side, socket))
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object') tell({ kind: 'listening', port: address.port })
  })
}

function join(device: Backer, socket: Socket): void {
  const stream = device.createStream()
  socket.setNoDelay(true)
  // The connection's end is seen in the folder's state.
  for (const end of [socket, stream]) end.on('error', () => undefined)
  socket.pipe(stream).pipe(socket)
}

async function close(): Promise<void> {
  clearInterval(watching)
  await side.close()
  process.exit(0)
}

function tell(word: Word): void {
  process.send?.(word)
}
