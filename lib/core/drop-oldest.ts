/** Of a map or a set with more than `most` entries the one that was added first goes: called with each addition, it keeps them at so many. */
export function dropOldest<K>(kept: Map<K, unknown> | Set<K>, most: number): void {
  const [oldest] = kept.keys()
  if (kept.size > most && oldest !== undefined) kept.delete(oldest)
}
