import { setPaused } from '../set-paused.js'
import type { Declare } from '../command.js'
import { FOLDER } from '../options.js'

export const declare: Declare = (program, act) => {
  program
    .command('pause')
    .description('stops syncing a folder, until backer resume; it stays paused after a restart')
    .argument('[FOLDER]', FOLDER)
    .option('--all', 'all folders')
    .action((folder: string | undefined, { all }: { readonly all?: boolean }) =>
      act(context => setPaused(context, { choice: folder, all: all === true, paused: true }))
    )
}
