import { InvalidArgumentError, Option, type Command } from 'commander'
import { ROLES, type Role } from '../core/model/role.js'
import type { FolderRequest } from '../daemon/host.js'
import { parseAddress } from '../net/address.js'
import { foregroundOption } from './options.js'

/** What `share` and `join` can both be told of a folder. */
export interface FolderOptions {
  readonly name?: string
  readonly peer?: readonly string[]
  readonly keepLocal?: boolean
  readonly lan?: boolean
  readonly role?: Role
  readonly foreground?: boolean
  readonly makeMarker?: boolean
}

/** Adds the options that FolderOptions has. */
export function addFolderOptions(command: Command): Command {
  return command
    .option('--name <NAME>', "what the folder is called here; default: the directory's name")
    .addOption(peerOption())
    .option(
      '--keep-local',
      'keeps what is edited or deleted on this device as well, with a copy of everything: see backer keep-local'
    )
    .option('--lan', 'looks for its devices on the LAN again')
    .option('--no-lan', 'neither announces the folder on the LAN nor looks for its devices there')
    .addOption(new Option('--role <ROLE>', 'what this device does in the folder: see backer role').choices([...ROLES]))
    .option(
      '--make-marker',
      'makes the marker of a known folder anew: only where it was deleted, never where a disk is not mounted'
    )
    .addOption(foregroundOption())
}

/** The folder in `directory` as these options want it. */
export function requestOf(
  directory: string,
  { name, peer, keepLocal, lan, role, makeMarker }: FolderOptions
): Omit<FolderRequest, 'createDirectory'> {
  return { directory, name, peers: peer, keepLocal, lan, role, makeMarker }
}

function peerOption(): Option {
  return new Option(
    '--peer <HOST:PORT>',
    'where another device of the folder takes TCP; may be given several times'
  ).argParser((text: string, before: readonly string[] | undefined) => {
    if (parseAddress(text) === undefined) throw new InvalidArgumentError('It is host:port, such as 192.0.2.1:49738.')
    return [...(before ?? []), text]
  })
}
