import { isBackerError } from '../../lib/core/error.js'
import { takeLock } from '../../lib/home/lock.js'

/** Takes the lock named in argv, says how it went, and holds on to it until its parent ends. */
try {
  await takeLock(process.argv[2] ?? '')
  console.log('taken')
} catch (error) {
  console.log(isBackerError(error) ? error.code : String(error))
}
process.stdin.resume()
