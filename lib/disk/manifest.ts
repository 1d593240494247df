import { hashBytes, hashFromKey, hashKey, type HashKey } from '../core/model/hash.js'
import type { Manifest } from './kept.js'

interface Written {
  readonly kind?: unknown
  readonly size?: unknown
  readonly mtimeNs?: unknown
  readonly mode?: unknown
  readonly root?: unknown
  readonly height?: unknown
  readonly target?: unknown
}

/** One line of JSON, and a line with its hash. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const mtimeNs = String(manifest.mtimeNs)
  const written: Written =
    manifest.kind === 'symlink'
      ? { ...manifest, mtimeNs }
      : {
          kind: 'file',
          size: manifest.size,
          mode: manifest.mode,
          mtimeNs,
          root: hashKey(manifest.content.root),
          height: manifest.content.height
        }
  const text = `${JSON.stringify(written)}\n`
  return Buffer.from(`${text}${hashKey(hashBytes(Buffer.from(text)))}\n`)
}

/** The manifest in these bytes; undefined where they are damaged. */
export function decodeManifest(bytes: Uint8Array): Manifest | undefined {
  const text = Buffer.from(bytes).toString()
  const end = text.indexOf('\n') + 1
  const line = text.slice(0, end)
  if (text.slice(end) !== `${hashKey(hashBytes(Buffer.from(line)))}\n`) return undefined
  const { kind, size, mtimeNs, mode, root, height, target } = JSON.parse(line) as Written
  if (typeof mtimeNs !== 'string') return undefined
  if (kind === 'symlink') return typeof target === 'string' ? { kind, target, mtimeNs: BigInt(mtimeNs) } : undefined
  if (kind !== 'file' || typeof size !== 'number' || typeof mode !== 'number') return undefined
  if (typeof root !== 'string' || typeof height !== 'number') return undefined
  const content = { root: hashFromKey(root as HashKey), height }
  return { kind, size, mode, mtimeNs: BigInt(mtimeNs), content }
}
