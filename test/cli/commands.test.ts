import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import test from 'brittle'
import { COMMANDS } from '../../lib/cli/commands.js'
import { makeProgram } from '../../lib/cli/program.js'

const run = (): Promise<void> => Promise.resolve()

test('every file of a command is listed, and declares what it is listed as', async t => {
  const files = readdirSync(resolve('lib/cli/commands')).map(name => name.replace(/\.ts$/, ''))
  t.alike(files.sort(), COMMANDS.map(({ names }) => names[0]).sort())
  for (const { names, load } of COMMANDS) {
    const program = new Command()
    const { declare } = await load()
    declare(program, run, () => makeProgram([], run))
    const [command, ...more] = program.commands
    t.alike([command?.name(), ...(command?.aliases() ?? [])], names)
    t.is(more.length, 0, `${names[0]} declares itself alone`)
  }
})

test('a command is loaded alone, and for the help and an unknown word all of them are', async t => {
  const namesFor = async (...words: string[]): Promise<string[]> =>
    (await makeProgram(words, run)).commands.map(command => command.name())
  t.alike(await namesFor('--json', 'share', 'status'), ['share'])
  t.alike(await namesFor('versions', 'a'), ['revisions'])
  for (const words of [[], ['--help'], ['help', 'share'], ['shar']]) {
    t.is((await namesFor(...words)).length, COMMANDS.length, words.join(' '))
  }
})
