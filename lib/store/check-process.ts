import { isBackerError, messageOf } from '../core/error.js'
import { EXIT_DAMAGED, EXIT_REFUSED } from './check-run.js'
import { checkIndex } from './check.js'

// A process of its own, because a damaged index may end the one that reads it. Exit code 0: the index may be believed, and its copy as well.
const [directory, copy] = process.argv.slice(2)
try {
  if (directory === undefined || copy === undefined) throw new Error('which index, and where to?')
  await checkIndex(directory, copy)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = isBackerError(error, 'FILE_SYSTEM') ? EXIT_REFUSED : EXIT_DAMAGED
}
