import type { RelativePath } from '../core/model/path.js'

/** What a watcher tells. Everything is a hint: where to look, never what is there. */
export interface WatchHandlers {
  /** Something happened at these paths. */
  readonly onPaths: (paths: Iterable<RelativePath>) => void
  /** Something happened in these directories (undefined: the root), and nobody knows to what. */
  readonly onDirectories: (directories: Iterable<RelativePath | undefined>) => void
  /** Not everything can be watched: the sentence says why, and what to do. Told once. */
  readonly onLimited: (message: string) => void
  /** Paths that are not synced make no hints. */
  readonly ignores: (path: RelativePath, isDirectory: boolean) => boolean
}

/** Hears of changes below a folder's root. */
export interface Watch {
  /** Watches directories from now on; those that are watched already stay so. Call it before they are listed, so that nothing is missed. */
  add(directories: Iterable<RelativePath | undefined>): void
  /** Stops watching a directory that is gone, and all below it. */
  remove(directory: RelativePath): void
  close(): void
}
