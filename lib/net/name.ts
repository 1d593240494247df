/** A device's public key, a topic or a token as a name: in hexadecimal. A device's is its id. */
export function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
