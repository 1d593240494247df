import { useSignal } from '@preact/signals'
import { enter, isRemote } from '../state.js'
import { Failure } from '../ui/Failure.js'

/** Somebody who did not come by the address that `backer open` gives, or, on another machine, has not given the password. */
export function LockedPage() {
  if (isRemote) return <PasswordPage />
  return (
    <section>
      <h1>This page is locked</h1>
      <p>
        It shows your files and keys, so it opens only from a terminal of this computer. Run <code>backer open</code>{' '}
        there: it opens this page with what unlocks it.
      </p>
    </section>
  )
}

function PasswordPage() {
  const password = useSignal('')
  const busy = useSignal(false)
  const error = useSignal<unknown>(undefined)
  const submit = async (): Promise<void> => {
    if (busy.value) return
    busy.value = true
    error.value = undefined
    await enter(password.value).catch((caught: unknown) => (error.value = caught))
    busy.value = false
  }
  return (
    <section class="narrow">
      <h1>Who is there?</h1>
      <form
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <label>
          The password of this backer
          <input
            type="password"
            autocomplete="current-password"
            required
            value={password.value}
            onInput={event => (password.value = event.currentTarget.value)}
          />
        </label>
        <button type="submit" aria-busy={busy.value}>
          Open
        </button>
        <Failure error={error.value} />
      </form>
      <p>
        It was set with <code>backer password</code> on the machine that backer runs on, which can set another one.
      </p>
    </section>
  )
}
