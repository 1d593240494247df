import { parseArgs, type ParseArgsConfig } from 'node:util'
import { messageOf } from '../../lib/core/error.js'

/** What a suite was called with. `--help` prints `usage` and ends; what is not an option of it is told, with the usage, and ends with 64 (EX_USAGE). */
export function readArguments<const T extends ParseArgsConfig>(
  usage: string,
  config: T
): ReturnType<typeof parseArgs<T>> {
  if (process.argv.slice(2).some(word => word === '--help' || word === '-h')) {
    console.log(usage)
    process.exit(0)
  }
  try {
    return parseArgs(config)
  } catch (error) {
    refuseArguments(messageOf(error), usage)
  }
}

/** Says what is wrong with what a suite was called with, and ends. */
export function refuseArguments(why: string, usage: string): never {
  console.error(`${why}\n\n${usage}`)
  process.exit(64)
}
