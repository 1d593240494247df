import test from 'brittle'
import { payloadOfObserved } from '../../../lib/core/engine/observe.js'
import type { FilePayload } from '../../../lib/core/model/record.js'
import { STAMP } from '../../make/entry.js'
import { fileRecord, recordOf } from '../../make/record.js'

const OPTIONS = { hasModes: true }
const record = fileRecord('content')
const payload = record.versions[0]?.payload as FilePayload
/** The file of the record on a file system that keeps whole seconds and other modes. */
const stamp = { ...STAMP, size: payload.size, mtimeNs: payload.mtimeNs - 123n, mode: 0o600 }
const { content } = payload

test('what the disk made of a time or mode is no change, whatever the record says', t => {
  t.is(payloadOfObserved({ kind: 'file', stamp, content }, { record, stamp }, OPTIONS), undefined)
  const directory = recordOf({ kind: 'directory', mode: 0o750 })
  const made = { ...stamp, kind: 'directory', mode: 0o755 } as const
  t.is(payloadOfObserved({ kind: 'directory', stamp: made }, { record: directory, stamp: made }, OPTIONS), undefined)
})

test('a time or mode that is another one than the disk showed is a change', t => {
  const touched = { ...stamp, mtimeNs: 5n }
  t.alike(payloadOfObserved({ kind: 'file', stamp: touched, content }, { record, stamp }, OPTIONS), {
    ...payload,
    mtimeNs: 5n
  })
  const closed = { ...stamp, mode: 0o400 }
  t.alike(payloadOfObserved({ kind: 'file', stamp: closed, content }, { record, stamp }, OPTIONS), {
    ...payload,
    mode: 0o400
  })
})

test('a time that no record can hold is carried as the nearest that one can', t => {
  for (const [mtimeNs, carried] of [
    [14_831_769_600_000_000_000n, 2n ** 63n - 1n],
    [-14_831_769_600_000_000_000n, -(2n ** 63n)]
  ] as const) {
    const far = { ...stamp, mtimeNs }
    const first = payloadOfObserved({ kind: 'file', stamp: far, content }, undefined, OPTIONS) as FilePayload
    t.is(first.mtimeNs, carried)
    const again = payloadOfObserved(
      { kind: 'file', stamp: far, content },
      { record: recordOf(first), stamp: far },
      OPTIONS
    )
    t.is(again, undefined, 'and makes no further version')
  }
})

test('other content carries on the time that was received where nobody changed that, and the mode where none can be kept', t => {
  const other = (fileRecord('other').versions[0]?.payload as FilePayload).content
  const seen = { ...stamp, mode: 0o777 }
  t.alike(payloadOfObserved({ kind: 'file', stamp: seen, content: other }, { record, stamp }, { hasModes: false }), {
    ...payload,
    content: other
  })
})

test('what was never known is what is seen; what is gone is deleted once', t => {
  t.alike(payloadOfObserved({ kind: 'file', stamp, content }, undefined, OPTIONS), {
    ...payload,
    mtimeNs: stamp.mtimeNs,
    mode: stamp.mode
  })
  t.is(payloadOfObserved({ kind: 'absent' }, undefined, OPTIONS), undefined)
  t.alike(payloadOfObserved({ kind: 'absent' }, { record, stamp }, OPTIONS), { kind: 'deleted' })
  const deleted = recordOf({ kind: 'deleted' })
  t.is(payloadOfObserved({ kind: 'absent' }, { record: deleted, stamp: undefined }, OPTIONS), undefined)
})
