/** From how many files on, and from which part of a folder on, deletes are not believed without somebody's word. */
export const MASS_DELETE_FILES = 100
export const MASS_DELETE_SHARE = 0.2

/** True where removing `removed` of `files` files is more than a slip: more than 100 files and more than a fifth of all. */
export function isMassDelete({ removed, files }: { readonly removed: number; readonly files: number }): boolean {
  return removed > MASS_DELETE_FILES && removed > files * MASS_DELETE_SHARE
}
