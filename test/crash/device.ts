import { pipeline } from 'node:stream'
import { backer } from '../../lib/index.js'

/**
 * A device in a process of its own, to be killed. Arguments: directory, home, key. Its stdin and stdout are the line to a peer; over IPC it
 * tells its status whenever it is asked, and ends when it is told to.
 */
const [directory = '', home, key] = process.argv.slice(2)
const folder = backer(directory, { key, home, deviceName: 'mortal' })
await folder.ready()
pipeline(process.stdin, folder.createStream(), process.stdout, () => undefined)
process.on('message', message => {
  if (message === 'end') void folder.close().then(() => process.exit(0))
  else process.send?.(folder.status(), undefined, undefined, () => undefined)
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
