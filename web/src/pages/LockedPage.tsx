/** Somebody who did not come by the address that `backer open` gives. */
export function LockedPage() {
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
