import { useEffect } from 'preact/hooks'
import { useSignal, type Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { Failure } from './Failure.js'

/** Something that is asked for once, and again whenever `key` changes. */
export interface Loaded<T> {
  readonly value: Signal<T | undefined>
  readonly error: Signal<unknown>
  readonly reload: () => void
}

/** Asks for something as the part of the page that needs it appears. An answer that comes too late is dropped. */
export function useLoaded<T>(load: () => Promise<T>, key: string): Loaded<T> {
  const value = useSignal<T | undefined>(undefined)
  const error = useSignal<unknown>(undefined)
  const turn = useSignal(0)
  useEffect(() => {
    let isWanted = true
    load().then(
      loaded => {
        if (!isWanted) return
        value.value = loaded
        error.value = undefined
      },
      (caught: unknown) => {
        if (isWanted) error.value = caught
      }
    )
    return () => {
      isWanted = false
    }
  }, [key, turn.value])
  return { value, error, reload: () => (turn.value += 1) }
}

interface LoadingProps<T> {
  readonly loaded: Loaded<T>
  readonly children: (value: T) => ComponentChildren
}

/** Shows what was asked for once it is there; before that, that it is on its way; or why it can't be shown. */
export function Loading<T>({ loaded, children }: LoadingProps<T>) {
  const { value, error } = loaded
  return (
    <>
      <Failure error={error.value} />
      {value.value !== undefined
        ? children(value.value)
        : error.value === undefined && <p aria-busy="true">Loading …</p>}
    </>
  )
}
