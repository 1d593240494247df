import { useSignal } from '@preact/signals'
import type { FolderDocument } from '../../api/documents.js'
import { api } from '../../api/routes.js'
import { Copy } from '../../ui/Copy.js'
import { Loading, useLoaded } from '../../ui/Loading.js'
import { Qr } from '../../ui/Qr.js'

const ALLOWS = {
  write: {
    title: 'Key to read and write',
    text: 'Whoever has it can read, change and delete everything in this folder, on all devices. For your own devices, and people whom you trust with that.'
  },
  read: {
    title: 'Key to read',
    text: 'Whoever has it can read everything in this folder, now and later. What they change stays with them.'
  }
} as const

/** The folder's keys, as text and as QR codes, with what each allows. They stay hidden until they are asked for. */
export function ShareTab({ folder }: { readonly folder: FolderDocument }) {
  const isShown = useSignal(false)
  if (!isShown.value) {
    return (
      <>
        <p>
          A key is all that a device needs to join this folder: <code>backer join</code>, or “Join a folder” on its
          page. Keys are secrets: show them where nobody looks over your shoulder.
        </p>
        <button type="button" onClick={() => (isShown.value = true)}>
          Show the keys
        </button>
      </>
    )
  }
  return <Keys folder={folder} />
}

function Keys({ folder }: { readonly folder: FolderDocument }) {
  const loaded = useLoaded(() => api.keys(folder.id), folder.id)
  return (
    <Loading loaded={loaded}>
      {({ keys }) =>
        keys.map(({ kind, key }) => (
          <article key={kind} class="key">
            <h2>{ALLOWS[kind].title}</h2>
            <p>{ALLOWS[kind].text}</p>
            <Copy text={key} label={ALLOWS[kind].title} />
            <Qr text={key} label={`${ALLOWS[kind].title}, as a QR code`} />
          </article>
        ))
      }
    </Loading>
  )
}
