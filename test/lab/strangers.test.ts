import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import { parseKey } from '../../lib/core/model/key-text.js'
import { topicOf } from '../../lib/core/model/keys.js'
import { LabDevice, startDht } from './device.js'
import { Lab, type LabHost } from './lab.js'

const STRANGER = fileURLToPath(new URL('./stranger.js', import.meta.url))

interface Met {
  readonly found?: boolean
  readonly closed?: boolean
  readonly bytes?: number
  readonly elapsedMs?: number
  readonly heard?: readonly unknown[]
}

/** Has a stranger try its luck on a host; gives what it got. */
async function stranger(host: LabHost, ...words: string[]): Promise<Met> {
  const [program = '', ...before] = host.prefix
  const child = spawn(program, [...before, process.execPath, STRANGER, ...words], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  return JSON.parse(await text(child.stdout)) as Met
}

/** Bytes with which either side of a TCP connection greets, before it knows anything of the other (protocol/README.md). */
const GREETING_BYTES = 32

test(
  'who knows the topic, the port or the LAN, and not the key, gets a closed connection and nothing else',
  {
    timeout: 180_000
  },
  async t => {
    const lab = Lab.open(t)
    const pub = lab.internet()
    const [home, other] = [lab.openHost(pub), lab.openHost(pub)]
    const bootstrap = await startDht(t, pub)
    const device = await LabDevice.make(t, home, { BACKER_BOOTSTRAP: bootstrap, BACKER_PORT: '49738' })
    await writeFile(join(device.folder, 'a private name'), 'private content')
    const key = parseKey(await device.share())
    const topic = Buffer.from(topicOf(key)).toString('hex')

    const byTopic = await stranger(other, 'dht', topic, '20.0.0.1', '49737')
    t.alike([byTopic.found, byTopic.closed, byTopic.bytes], [true, true, 0], JSON.stringify(byTopic))
    const byPort = await stranger(other, 'tcp', home.address, '49738')
    t.ok(byPort.closed === true && (byPort.bytes ?? 0) <= GREETING_BYTES, JSON.stringify(byPort))

    const { heard = [] } = await stranger(other, 'lan', '4')
    const said = JSON.stringify(heard)
    t.ok(heard.length > 0, 'the LAN was listened to')
    for (const secret of [Buffer.from(topic, 'hex'), Buffer.from(key.folderPublicKey)])
      for (const form of [secret.toString('hex'), secret.toString('base64'), JSON.stringify([...secret]).slice(1, -1)])
        t.absent(said.includes(form), 'neither topic nor key is announced')
    t.is((await device.peers()).length, 0)
  }
)
