import crypto from 'hypercore-crypto'
import { hashAll, hashKey } from '../../lib/core/model/hash.js'

/** How many answers are remembered: more than a run asks for. */
const ANSWERS_MAX = 20_000

/**
 * Every device of a run, and each anew after each start, verifies the same heads: whether a signature is good for the same bytes and key is worked out once
 * in this process. It was a fifteenth of a run.
 */
export function rememberSignatures(): void {
  const verify = crypto.verify.bind(crypto)
  const answers = new Map<string, boolean>()
  crypto.verify = (message, signature, publicKey) => {
    const asked = hashKey(hashAll([publicKey, signature, message]))
    const known = answers.get(asked)
    if (known !== undefined) return known
    const answer = verify(message, signature, publicKey)
    if (answers.size >= ANSWERS_MAX) answers.clear()
    answers.set(asked, answer)
    return answer
  }
}
