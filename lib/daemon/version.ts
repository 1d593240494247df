import { readFileSync } from 'node:fs'

let version: string | undefined

/** This package's version. */
export function readVersion(): string {
  version ??= parseVersion(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  return version
}

function parseVersion(text: string): string {
  const manifest = JSON.parse(text) as { readonly version?: unknown }
  return typeof manifest.version === 'string' ? manifest.version : 'unknown'
}
