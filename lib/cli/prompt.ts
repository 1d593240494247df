import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { BackerError } from '../core/error.js'

/** The prompt was left with Ctrl-C. */
export const INTERRUPTED = Symbol('interrupted')

/** Asks for a line on the terminal without showing what is typed or pasted. */
export function askHidden(
  question: string,
  { stdin, stderr }: { readonly stdin: NodeJS.ReadStream; readonly stderr: NodeJS.WriteStream }
): Promise<string | typeof INTERRUPTED> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true, historySize: 0 })
  // Only now does the terminal show nothing of what is typed: what is typed ahead of the question stays hidden too.
  stderr.write(question)
  return new Promise(resolve => {
    const finish = (answer: string | typeof INTERRUPTED): void => {
      lines.removeAllListeners('close')
      lines.close()
      resolve(answer)
      stderr.write('\n')
    }
    lines.once('line', finish)
    lines.once('SIGINT', () => finish(INTERRUPTED))
    lines.once('close', () => finish(''))
  })
}

/** The first line of a stream, of `bytesMax` at most. Throws KEY_LENGTH where it is longer. */
export async function readLine(stream: AsyncIterable<Uint8Array | string>, bytesMax: number): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1')
    if (text.includes('\n')) break
    if (text.length > bytesMax) throw new BackerError('KEY_LENGTH', 'what was given as a key is far too long for one')
  }
  return text.split('\n', 1)[0] ?? ''
}
