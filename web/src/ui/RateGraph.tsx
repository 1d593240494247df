import { rate } from '../format.js'
import { RATE_SAMPLES } from '../state.js'

const WIDTH = 240
const HEIGHT = 48

interface RateGraphProps {
  /** Bytes per second, the newest last. */
  readonly samples: readonly number[]
  readonly label: string
}

/** The course of a rate over the last minutes. What it shows stands in its label too, for those who can't see it. */
export function RateGraph({ samples, label }: RateGraphProps) {
  const highest = Math.max(1, ...samples)
  const step = WIDTH / (RATE_SAMPLES - 1)
  const before = Array.from({ length: RATE_SAMPLES - samples.length }, () => 0)
  const points = [...before, ...samples].map((sample, i) => {
    const y = HEIGHT - 2 - (sample / highest) * (HEIGHT - 4)
    return `${(i * step).toFixed(1)},${y.toFixed(1)}`
  })
  const now = samples.at(-1) ?? 0
  return (
    <svg
      class="rate-graph"
      role="img"
      aria-label={`${label}: now ${rate(now)}, at most ${rate(highest)}`}
      viewBox={`0 0 ${String(WIDTH)} ${String(HEIGHT)}`}
      preserveAspectRatio="none"
    >
      <polygon points={`0,${String(HEIGHT)} ${points.join(' ')} ${String(WIDTH)},${String(HEIGHT)}`} />
      <polyline points={points.join(' ')} />
    </svg>
  )
}
