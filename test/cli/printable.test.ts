import test from 'brittle'
import fc from 'fast-check'
import { printable, printableJson } from '../../lib/cli/printable.js'

const DANGEROUS = ['\u001b[2J', '\u0007', '\r', '\n', '\u009b31m', '\u202e', '\u2066', '\u200f', '\u007f', '\u2028']

test('E14: what moves the cursor or turns the text is taken out of a name', t => {
  for (const bad of DANGEROUS) t.absent(printable(`a${bad}b`).includes(bad.slice(0, 1)), JSON.stringify(bad))
  t.is(printable('a\u001b[31mb'), 'a[31mb')
  t.is(printable('фото 東京 🏖 e\u0301'), 'фото 東京 🏖 e\u0301')
})

test('no text whatever leaves a control character', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const shown = printable(text)
      return Array.from(shown).every(letter => {
        const code = letter.codePointAt(0) ?? 0
        return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && !(code >= 0xd800 && code < 0xe000)
      })
    })
  )
  t.pass()
})

test('a document says exactly the same and has no control character', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const line = printableJson({ text })
      return (JSON.parse(line) as { text: string }).text === text && printable(line) === line
    })
  )
  for (const bad of DANGEROUS) t.is(printable(printableJson({ bad })), printableJson({ bad }))
})
