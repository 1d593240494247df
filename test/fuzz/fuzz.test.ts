import test from 'brittle'
import { SeededRandom } from '../sim/random.js'
import { fuzzConfiguration } from './config.js'
import { DECODERS } from './decoders.js'
import { readCorpus, wrongWith } from './found.js'
import { mutate } from './mutate.js'

const CASES = 400

test(`no bytes make a decoder do anything but refuse them: ${CASES} cases each`, t => {
  for (const decoder of DECODERS) {
    const random = new SeededRandom(`fuzz ${decoder.name}`)
    for (const example of decoder.examples)
      t.absent(wrongWith(decoder, example), `${decoder.name} takes what it should`)
    for (let i = 0; i < CASES; i++) {
      const bytes = mutate(decoder.examples, random)
      const why = wrongWith(decoder, bytes)
      if (why !== undefined) t.fail(`${decoder.name}: ${why}: ${Buffer.from(bytes).toString('hex')}`)
    }
  }
})

test('bytes that once went wrong are refused', t => {
  for (const { decoder: name, hex, was } of readCorpus()) {
    const decoder = DECODERS.find(one => one.name === name)
    if (decoder === undefined) t.fail(`there is no decoder ${name} any more`)
    else t.absent(wrongWith(decoder, Buffer.from(hex, 'hex')), `${name}: ${was}`)
  }
})

test('damaged files of a home are refused or passed over, whatever is in them', async t => {
  t.alike(await fuzzConfiguration(60, new SeededRandom('fuzz configuration')), [])
})
