import { BackerError } from '../core/error.js'

/** Why a folder whose marker can't be found goes no further. */
export function markerGone(): BackerError {
  return new BackerError('MARKER', "the folder's marker .backer/marker is gone or belongs to another folder", {
    hint: 'If a disk is not mounted, mount it. Nothing was deleted anywhere.'
  })
}
