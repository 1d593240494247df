import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

const OUTPUT = fileURLToPath(new URL('bundled', import.meta.url))
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** What brings native code along is loaded from where it lies. */
const NATIVE = [/^koffi/, /^lmdb/, /^@napi-rs\//, /^sodium-/, /^udx-native/, /^hyperdht/, /^hyperswarm/]

/** A device's program in few files, made by `bundleDevice`. */
export const BUNDLED_DEVICE = `${OUTPUT}/device.js`

/**
 * Puts all that a device's process, its threads and the check of its index consist of into few files: what is killed again and again is started as often, and
 * starts in half the time.
 */
export async function bundleDevice(): Promise<void> {
  await build({
    input: {
      device: at('device.js'),
      worker: at('../../lib/disk/worker.js'),
      'check-process': at('../../lib/store/check-process.js')
    },
    platform: 'node',
    external: NATIVE,
    output: { dir: OUTPUT, entryFileNames: '[name].js', chunkFileNames: '[name]-part.js' },
    logLevel: 'warn'
  })
}
