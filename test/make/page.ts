import { mkdir } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'brittle'
import { Daemon } from '../../lib/daemon/daemon.js'
import { runDhtNode } from '../../lib/net/dht-node.js'
import { makeTemporary } from './temporary.js'

/** What a request was answered. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  readonly json: () => Record<string, unknown>
}

export type Ask = (
  method: string,
  path: string,
  options?: { headers?: Record<string, string>; body?: unknown }
) => Promise<Answer>

/** A daemon with one folder, its page's port, and somebody who has the token. */
export async function makePage(t: Test) {
  const root = await makeTemporary(t)
  const [home, docs] = [join(root, 'home'), join(root, 'docs')]
  await mkdir(docs)
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 2 })
  const daemon = await Daemon.open({ home, bootstrap: [node] })
  t.teardown(() => daemon.close(), { order: 1 })
  const folder = await daemon.add({ directory: docs, createDirectory: false })
  const address = new URL(daemon.status().page ?? '')
  const port = Number(address.port)
  const token = address.hash.replace('#token=', '')
  const stranger = asker(port, {})
  const ask = asker(port, { cookie: `backer=${token}`, origin: `http://127.0.0.1:${port}` })
  return { daemon, docs, home, node, port, token, stranger, ask, id: folder.id, at: `/v1/folders/${folder.id}` }
}

export type Page = Awaited<ReturnType<typeof makePage>>

/** Asks the page's port, with these headers in each request. */
export function asker(port: number, common: Readonly<Record<string, string>>): Ask {
  return async (method, path, { headers = {}, body } = {}) => {
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    const type = payload === undefined ? {} : { 'content-type': 'application/json' }
    return new Promise((resolve, reject) => {
      const asked = request(
        { port, host: '127.0.0.1', method, path, headers: { ...common, ...type, ...headers } },
        response => {
          text(response).then(
            found =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                body: found,
                json: () => JSON.parse(found) as Record<string, unknown>
              }),
            reject
          )
        }
      )
      asked.on('error', reject)
      asked.end(payload)
    })
  }
}
