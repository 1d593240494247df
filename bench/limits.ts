import { randomFillSync } from 'node:crypto'
import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'

/** What the machine can do at all. */
export interface Limits {
  /** Bytes per second from one process to itself over TCP on the loopback. */
  readonly tcp: number
  /** Bytes per second into a file that is synced at its end. */
  readonly write: number
  /** Files of 4 KiB per second, created, written and synced together at the end. */
  readonly create: number
  /** Files looked at per second. */
  readonly lstat: number
}

/** What has to be moved, made and looked at for a workload, at the least. */
export interface Amount {
  readonly bytes: number
  readonly files: number
}

const BLOCK = randomFillSync(Buffer.alloc(4 * 1024 * 1024))
const WRITTEN_BYTES = 128 * BLOCK.length
const TCP_BYTES = 256 * BLOCK.length
const FILES = 5000
const SMALL_BYTES = 4096

/** Measures in `place`, a directory on the disk that counts; leaves nothing there. */
export async function measureLimits(place: string): Promise<Limits> {
  const directory = join(place, 'limits')
  mkdirSync(directory)
  const write = WRITTEN_BYTES / secondsOf(() => writeBig(join(directory, 'big')))
  const create = FILES / secondsOf(() => createSmall(directory))
  const lstat = FILES / secondsOf(() => lookAtSmall(directory))
  rmSync(directory, { recursive: true })
  return { tcp: await measureTcp(), write, create, lstat }
}

/** The least time that a workload could take here: seconds. */
export function limitOf({ bytes, files }: Amount, { tcp, write, create }: Limits): number {
  return bytes / Math.min(tcp, write) + files / create
}

function secondsOf(run: () => void): number {
  const start = performance.now()
  run()
  return (performance.now() - start) / 1000
}

function writeBig(path: string): void {
  const file = openSync(path, 'w')
  for (let written = 0; written < WRITTEN_BYTES; written += BLOCK.length) writeSync(file, BLOCK)
  fsyncSync(file)
  closeSync(file)
}

function smallPath(directory: string, i: number): string {
  return join(directory, `small ${i}`)
}

function createSmall(directory: string): void {
  for (let i = 0; i < FILES; i++) {
    const file = openSync(smallPath(directory, i), 'w')
    writeSync(file, BLOCK, 0, SMALL_BYTES)
    closeSync(file)
  }
  const file = openSync(directory, 'r')
  fsyncSync(file)
  closeSync(file)
}

function lookAtSmall(directory: string): void {
  for (let i = 0; i < FILES; i++) lstatSync(smallPath(directory, i))
}

async function measureTcp(): Promise<number> {
  const server = createServer(socket => socket.resume().on('end', () => socket.end()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const socket = connect(address.port, '127.0.0.1')
  await once(socket, 'connect')
  const start = performance.now()
  for (let sent = 0; sent < TCP_BYTES; sent += BLOCK.length) if (!socket.write(BLOCK)) await once(socket, 'drain')
  socket.end()
  socket.resume()
  await once(socket, 'close')
  const seconds = (performance.now() - start) / 1000
  server.close()
  return TCP_BYTES / seconds
}
