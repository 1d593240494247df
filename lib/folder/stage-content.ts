import { BackerError } from '../core/error.js'
import type { RelativePath } from '../core/model/path.js'
import type { Payload } from '../core/model/record.js'
import type { Disk } from '../disk/disk.js'
import { stagedName, type Maker } from '../disk/names.js'
import type { ContentSource } from './content-source.js'

/** What is put together, where it is to stand, and who wants it. */
export interface StagedContent {
  readonly path: RelativePath
  readonly payload: Extract<Payload, { readonly kind: 'file' }>
  readonly maker: Maker
}

/** Puts a file's content together in `.backer/tmp`, from wherever `source` has it. Rejects with UNAVAILABLE where it can't be had, and as the disk does. */
export async function stageContent(
  disk: Disk,
  source: ContentSource,
  { path, payload, maker }: StagedContent,
  signal: AbortSignal
): Promise<void> {
  const { file } = await disk.stage(stagedName(payload.content.root, path, maker), payload.size)
  try {
    let offset = 0
    for await (const bytes of source.read(payload, signal)) {
      await file.write(offset, bytes)
      offset += bytes.byteLength
    }
    if (offset !== payload.size) throw new BackerError('UNAVAILABLE', 'its content is of another size')
  } finally {
    await file.close()
  }
}
