const SECOND_MS = 1000
const HOUR_MS = 3600 * SECOND_MS
const DAY_MS = 24 * HOUR_MS

/** Of what is no older than `spanMs`, one of each `periodMs` is kept. */
export interface Tier {
  readonly spanMs: number
  readonly periodMs: number
}

/** Which of the kept versions of one thing stay, as time goes on. */
export interface RetentionRule {
  /** So many of the latest stay, however old they are. */
  readonly latest: number
  /** The shortest span first. What is older than the last one goes. */
  readonly tiers: readonly Tier[]
}

/** The ten latest; hourly for two days, daily for a week, weekly for a month, monthly for two years. */
export const RETENTION: RetentionRule = {
  latest: 10,
  tiers: [
    { spanMs: 2 * DAY_MS, periodMs: HOUR_MS },
    { spanMs: 7 * DAY_MS, periodMs: DAY_MS },
    { spanMs: 31 * DAY_MS, periodMs: 7 * DAY_MS },
    { spanMs: 2 * 365 * DAY_MS, periodMs: 30 * DAY_MS }
  ]
}

/**
 * Which of the versions with these times (milliseconds since 1970, in any order) stay: one answer for each, in the order of `timesMs`.
 * Of each period the latest stays. Periods are counted from 1970, so that it does not matter when the rule is applied; a time
 * that lies ahead of `nowMs` counts as just now.
 */
export function retained(
  timesMs: readonly number[],
  nowMs: number,
  { latest, tiers }: RetentionRule = RETENTION
): boolean[] {
  const newestFirst = timesMs.map((_, i) => i).sort((a, b) => (timesMs[b] ?? 0) - (timesMs[a] ?? 0))
  const stays = timesMs.map(() => false)
  const taken = new Set<string>()
  newestFirst.forEach((i, rank) => {
    const timeMs = timesMs[i] ?? 0
    const tier = tiers.findIndex(({ spanMs }) => nowMs - timeMs <= spanMs)
    const period = tiers[tier]?.periodMs
    const slot = period === undefined ? undefined : `${tier}:${Math.floor(timeMs / period)}`
    stays[i] = rank < latest || (slot !== undefined && !taken.has(slot))
    if (slot !== undefined) taken.add(slot)
  })
  return stays
}
