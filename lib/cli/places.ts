import { join } from 'node:path'
import { LOG_NAME } from '../daemon/log-level.js'

/** Where a home keeps what people may look for. */
export function placesOf(home: string): Readonly<Record<string, string>> {
  return {
    home,
    folders: join(home, 'folders.json'),
    'device key': join(home, 'device.key'),
    log: join(home, LOG_NAME),
    socket: join(home, 'backer.sock')
  }
}
