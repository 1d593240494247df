import { href } from '../route.js'

/** The first look: three steps to a folder that two devices share. */
export function Welcome() {
  return (
    <section>
      <h1>Three steps to a shared folder</h1>
      <ol class="steps">
        <li>
          <h2>Choose a folder on this device</h2>
          <p>Nothing is moved or uploaded: it stays where it is, and backer watches it.</p>
          <a role="button" href={href('add')}>
            Share a folder
          </a>
        </li>
        <li>
          <h2>Take its key to another device</h2>
          <p>
            The key is all that the other device needs. Whoever has it can read and change the folder, so pass it on
            with care.
          </p>
        </li>
        <li>
          <h2>Join there</h2>
          <p>
            Run <code>backer join</code> on the other device, or, if this is the other device, enter the key here.
          </p>
          <a role="button" class="secondary" href={href('join')}>
            Join a folder
          </a>
        </li>
      </ol>
    </section>
  )
}
