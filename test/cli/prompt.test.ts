import { PassThrough, Readable } from 'node:stream'
import test from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import { askHidden, INTERRUPTED, readLine } from '../../lib/cli/prompt.js'

/** Types `typed` at the prompt; gives the answer and what the terminal showed. */
async function ask(typed: string): Promise<{ answer: unknown; shown: string }> {
  const stdin = new PassThrough()
  const stderr = new PassThrough({ encoding: 'utf8' })
  stdin.write(typed)
  const terminal = { stdin, stderr } as unknown as Parameters<typeof askHidden>[1]
  const answer = await askHidden('Key: ', terminal)
  return { answer, shown: String(stderr.read()) }
}

test('what is typed at the prompt is taken and not shown', async t => {
  t.alike(await ask('secret\r'), { answer: 'secret', shown: 'Key: \n' })
  t.alike(await ask('secrex\u007ft\r'), { answer: 'secret', shown: 'Key: \n' })
  t.alike(await ask('\u001b[200~secret\u001b[201~\r'), { answer: 'secret', shown: 'Key: \n' }, 'pasted')
})

test('the prompt is left with Ctrl-C', async t => {
  t.alike(await ask('sec\u0003'), { answer: INTERRUPTED, shown: 'Key: \n' })
})

test('a line is read from a stream, and no more than a key can be', async t => {
  t.is(await readLine(Readable.from(['one', ' line\nand another']), 100), 'one line')
  t.is(await readLine(Readable.from([Buffer.from('no end')]), 100), 'no end')
  t.is(await readLine(Readable.from([]), 100), '')
  const error: unknown = await readLine(Readable.from(Array<string>(100).fill('long')), 100).catch(
    (thrown: unknown) => thrown
  )
  t.ok(isBackerError(error, 'KEY_LENGTH'))
})
