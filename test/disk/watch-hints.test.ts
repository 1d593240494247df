import test from 'brittle'
import { joinPath, parsePath, type RelativePath } from '../../lib/core/model/path.js'
import { HintGatherer } from '../../lib/disk/watch-hints.js'
import { realRuntime } from '../../lib/real-runtime.js'
import type { Runtime } from '../../lib/runtime.js'

/** A clock that stands still until it is turned. */
class TurnedClock {
  now = 0
  #timers: { readonly at: number; readonly callback: () => void }[] = []

  get runtime(): Runtime {
    return {
      ...realRuntime(),
      clock: { now: () => this.now, monotonic: () => this.now },
      timers: {
        breathe: () => Promise.resolve(),
        after: (delayMs, callback) => {
          const timer = { at: this.now + delayMs, callback }
          this.#timers.push(timer)
          return { cancel: () => (this.#timers = this.#timers.filter(each => each !== timer)) }
        }
      }
    }
  }

  turn(byMs: number): void {
    for (const end = this.now + byMs; this.now < end; this.now++) {
      const due = this.#timers.filter(({ at }) => at <= this.now)
      this.#timers = this.#timers.filter(({ at }) => at > this.now)
      for (const { callback } of due) callback()
    }
  }
}

interface Told {
  readonly at: number
  readonly paths: readonly string[]
}

function gathering(): { clock: TurnedClock; hints: HintGatherer; told: Told[]; directories: (string | undefined)[] } {
  const clock = new TurnedClock()
  const told: Told[] = []
  const directories: (string | undefined)[] = []
  const listener = {
    onPaths: (paths: Iterable<RelativePath>) => void told.push({ at: clock.now, paths: [...paths] }),
    onDirectories: (some: Iterable<RelativePath | undefined>) => void directories.push(...some)
  }
  return { clock, hints: new HintGatherer(listener, clock.runtime), told, directories }
}

test('a lone event is told after some milliseconds', t => {
  const { clock, hints, told } = gathering()
  hints.addPath(parsePath('a'))
  clock.turn(100)
  t.is(told.length, 1)
  t.ok((told[0]?.at ?? 0) >= 3 && (told[0]?.at ?? 99) <= 8, `after ${told[0]?.at} ms`)
})

test('the steps of one save are told together', t => {
  const { clock, hints, told } = gathering()
  for (const path of ['a.tmp', 'a', 'a']) {
    hints.addPath(parsePath(path))
    clock.turn(2)
  }
  clock.turn(100)
  t.alike(
    told.map(({ paths }) => paths),
    [['a.tmp', 'a']]
  )
})

test('a storm is told in batches, none of them late', t => {
  const { clock, hints, told } = gathering()
  for (let i = 0; i < 2000; i++) {
    hints.addPath(parsePath(`${i}`))
    clock.turn(1)
  }
  clock.turn(100)
  t.ok(told.length <= 12, `${told.length} batches in two seconds`)
  const lateness = told.flatMap(({ at, paths }) => paths.map(path => at - Number(path)))
  t.is(lateness.length, 2000)
  t.ok(Math.max(...lateness) <= 500)
})

test('of very many paths in one batch their directories are told', t => {
  const { clock, hints, told, directories } = gathering()
  for (let i = 0; i < 10_000; i++) hints.addPath(joinPath(parsePath(`d${i % 10}`), `${i}`))
  clock.turn(300)
  t.ok((told[0]?.paths.length ?? 0) < 5000)
  t.alike(
    [...new Set(directories)].sort(),
    Array.from({ length: 10 }, (_, i) => `d${i}`)
  )
})

test('nothing is told once it is closed', t => {
  const { clock, hints, told } = gathering()
  hints.addPath(parsePath('a'))
  hints.close()
  clock.turn(300)
  t.alike(told, [])
})
