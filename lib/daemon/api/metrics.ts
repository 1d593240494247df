import type { FastifyInstance } from 'fastify'
import type { Host } from '../host.js'
import { answersIn } from './answers/shape.js'

/** `GET /metrics`: what this process and its folders do, in the text format of Prometheus. What counts is loaded when it is asked for. */
export function addMetricsRoute(app: FastifyInstance, host: Host): void {
  let metrics: Promise<Metrics> | undefined
  const response = answersIn('All metrics.', { 'text/plain': { type: 'string' } })
  app.get(
    '/metrics',
    { schema: { summary: 'Metrics, as Prometheus reads them.', response } },
    async (_request, reply) => {
      metrics ??= makeMetrics()
      const { contentType, read } = await metrics
      return reply.type(contentType).send(await read(host))
    }
  )
}

interface Metrics {
  readonly contentType: string
  readonly read: (host: Host) => Promise<string>
}

async function makeMetrics(): Promise<Metrics> {
  const { collectDefaultMetrics, Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, labelNames: string[]): InstanceType<typeof Gauge> =>
    new Gauge({ name: `backer_${name}`, help, labelNames, registers: [registry] })
  const files = gauge('folder_files', 'Files in the folder.', ['folder'])
  const bytes = gauge('folder_bytes', 'Bytes of content in the folder.', ['folder'])
  const problems = gauge('folder_problems', 'Items that are not in sync for a reason.', ['folder'])
  const inSync = gauge('folder_in_sync', '1 where this device and all connected ones hold the same.', ['folder'])
  const peers = gauge('folder_peers', 'Connected devices.', ['folder'])
  const ofPeer = ['folder', 'device']
  const received = gauge('peer_received_bytes', 'Content bytes received since the device connected.', ofPeer)
  const sent = gauge('peer_sent_bytes', 'Content bytes sent since the device connected.', ofPeer)
  const read = (host: Host): Promise<string> => {
    for (const metric of [files, bytes, problems, inSync, peers, received, sent]) metric.reset()
    for (const folder of host.folders) {
      const status = folder.document()
      const labels = { folder: status.id }
      files.set(labels, status.files)
      bytes.set(labels, status.bytes)
      problems.set(labels, status.problemCount)
      inSync.set(labels, status.state === 'in-sync' ? 1 : 0)
      peers.set(labels, status.peers.length)
      for (const { device, bytesReceived, bytesSent } of status.peers) {
        received.set({ ...labels, device }, bytesReceived)
        sent.set({ ...labels, device }, bytesSent)
      }
    }
    return registry.metrics()
  }
  return { contentType: registry.contentType, read }
}
