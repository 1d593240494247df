import test from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import { HOLD_REQUESTS_OPEN } from '../../protocol/limits.js'
import * as messages from '../../protocol/messages.js'
import { hashOf } from '../make/record.js'
import { introduce, makeFolder, meetSpeaker, NUMBERS, type Speaker } from '../make/wire.js'

const hash = hashOf('something')
const challenge = (id: number): messages.HoldRequest => ({
  id,
  path: parsePath('a'),
  content: hash,
  size: 5,
  nonce: hash
})

/** What somebody who has the key may say about proofs, and for what the connection ends. */
const ABUSES: Record<string, [code: string, abuse: (speaker: Speaker) => void]> = {
  'a proof that nobody asked for': [
    'PEER_MISBEHAVED',
    speaker => speaker.tell(NUMBERS.holdAnswer, messages.holdAnswerCodec, { id: 1, proof: hash })
  ],
  'two challenges of one number': [
    'PEER_MISBEHAVED',
    speaker => {
      for (let i = 0; i < 2; i++) speaker.tell(NUMBERS.holdRequest, messages.holdRequestCodec, challenge(7))
    }
  ],
  'too many challenges': [
    'PEER_MISBEHAVED',
    speaker => {
      for (let id = 0; id <= HOLD_REQUESTS_OPEN; id++)
        speaker.tell(NUMBERS.holdRequest, messages.holdRequestCodec, challenge(id))
    }
  ],
  'a challenge with a nonce that is cut short': [
    'MALFORMED',
    speaker => speaker.say(1, NUMBERS.holdRequest, 1, 1, Buffer.from('a'), hash, 5, Buffer.alloc(31))
  ],
  'a challenge about a path that leads elsewhere': [
    'BAD_PATH',
    speaker => speaker.say(1, NUMBERS.holdRequest, 1, 2, Buffer.from('..'), hash, 5, hash)
  ]
}

for (const [what, [code, abuse]] of Object.entries(ABUSES)) {
  test(`${what} ends the connection`, async t => {
    const folder = makeFolder({ handlers: { onHold: () => new Promise(() => undefined) } })
    const { speaker, connection } = await meetSpeaker(t, folder)
    await introduce(speaker, folder)
    abuse(speaker)
    await connection.closed
    t.alike(
      folder.closed.map(reason => reason?.code),
      [code]
    )
  })
}
