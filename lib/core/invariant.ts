/** Fails loudly on a mistake of our own. Never reachable by what a peer, a user or a disk does. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`)
}

/** Ends an exhaustive switch. */
export function assertNever(value: never): never {
  throw new Error(`invariant broken: unexpected ${JSON.stringify(value)}`)
}
