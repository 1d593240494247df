import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bench } from 'tinybench'
import { nextBoundary } from '../lib/core/chunk/fastcdc.js'
import { decodeWith, encodeWith } from '../lib/core/codec.js'
import { hashBytes, hashKey } from '../lib/core/model/hash.js'
import type { RelativePath } from '../lib/core/model/path.js'
import { recordCodec, type Record } from '../lib/core/model/record.js'
import { diffTrees } from '../lib/core/tree/diff.js'
import { EMPTY_ROOT } from '../lib/core/tree/node.js'
import { buildTree, updateTree } from '../lib/core/tree/update.js'
import { realRuntime } from '../lib/real-runtime.js'
import { openIndex } from '../lib/store/open-index.js'
import type { Commit } from '../lib/store/store.js'
import { nodesAnswerCodec } from '../protocol/messages.js'
import { makeNodes } from '../test/make/nodes.js'
import { fileRecord, path } from '../test/make/record.js'
import { makeFolder, meet } from '../test/make/wire.js'
import { markdown } from './table.js'

/*
 * `npm run bench:micro`: the parts of which the large figures are made, each alone in this process: how often a second, or how many MB a second. Prints a Markdown table.
 */

const MILLISECONDS = 500
const RECORDS = 10_000
const EDITS = 100
const CHUNK_BYTES = 128 * 1024
const BLOCK = randomFillSync(Buffer.alloc(16 * 1024 * 1024))
const CHUNKS_AT_ONCE = 64
const NODES_AT_ONCE = 16

/** What one turn of a part handles: so many things of a kind. */
interface Part {
  readonly name: string
  readonly count: number
  readonly unit: 'records' | 'entries' | 'nodes' | 'bytes'
  readonly run: () => unknown
}

const records = Array.from({ length: RECORDS }, (_, i): [RelativePath, Record] => [
  path(`directory ${String(Math.floor(i / 100)).padStart(3, '0')}/file ${String(i).padStart(5, '0')}`),
  fileRecord(`content ${i}`)
])
const edits = new Map(
  records.filter((_, i) => i % (RECORDS / EDITS) === 0).map(([item]) => [item, fileRecord(`new ${item}`)])
)

function treeParts(): readonly Part[] {
  const nodes = makeNodes()
  const root = nodes.keep(buildTree(records))
  const edited = nodes.keep(updateTree(nodes.source, root, edits))
  return [
    { name: 'tree: build', count: RECORDS, unit: 'records', run: () => buildTree(records) },
    {
      name: `tree: update of ${EDITS} in ${RECORDS}`,
      count: EDITS,
      unit: 'records',
      run: () => updateTree(nodes.source, root, edits)
    },
    {
      name: `tree: diff of ${EDITS} in ${RECORDS}`,
      count: EDITS,
      unit: 'records',
      run: () => [...diffTrees(nodes.source, root, edited)]
    }
  ]
}

function contentParts(): readonly Part[] {
  return [
    { name: 'content: BLAKE3', count: BLOCK.length, unit: 'bytes', run: () => hashBytes(BLOCK) },
    { name: 'content: chunking', count: BLOCK.length, unit: 'bytes', run: chunk }
  ]
}

function chunk(): void {
  let start = 0
  while (start < BLOCK.length) start = nextBoundary(BLOCK, start, BLOCK.length, true) ?? BLOCK.length
}

function codecParts(): readonly Part[] {
  const record = fileRecord('content')
  const encoded = encodeWith(recordCodec, record)
  const answer = { id: 1, offset: 0, nodes: [...buildTree(records).nodes.values()].slice(0, 4) }
  const message = encodeWith(nodesAnswerCodec, answer)
  return [
    { name: 'codec: record encoded', count: 1, unit: 'records', run: () => encodeWith(recordCodec, record) },
    {
      name: 'codec: record decoded',
      count: 1,
      unit: 'records',
      run: () => decodeWith(recordCodec, encoded, 'a record')
    },
    {
      name: 'codec: nodes encoded',
      count: message.length,
      unit: 'bytes',
      run: () => encodeWith(nodesAnswerCodec, answer)
    },
    {
      name: 'codec: nodes decoded',
      count: message.length,
      unit: 'bytes',
      run: () => decodeWith(nodesAnswerCodec, message, 'an answer')
    }
  ]
}

/** With every sync of the disk that a commit has. */
async function indexParts(
  place: string
): Promise<{ readonly parts: readonly Part[]; readonly close: () => Promise<void> }> {
  const { random, trace } = realRuntime()
  const options = { directory: join(place, 'index'), noteFile: join(place, 'note'), owner: 'bench', random, trace }
  const store = await openIndex(options)
  const { root, nodes } = buildTree(records)
  const entries = records.map(([item, record]) => ({ path: item, entry: { record, stamp: undefined } }))
  const commit: Commit = { entries, root, lacks: EMPTY_ROOT, nodes, chunkLists: new Map<string, Uint8Array>() }
  await store.commit(commit)
  const parts: Part[] = [
    { name: `index: commit of ${RECORDS}`, count: RECORDS, unit: 'entries', run: () => store.commit(commit) },
    {
      name: 'index: get',
      count: RECORDS,
      unit: 'entries',
      run: () => records.forEach(([item]) => store.get(item))
    }
  ]
  return { parts, close: () => store.close() }
}

/** Two devices in this process, over a Noise stream in memory: both sides' work is in the figures. */
async function channelParts(): Promise<{ readonly parts: readonly Part[]; readonly close: () => void }> {
  const bytes = Buffer.from(BLOCK.subarray(0, CHUNK_BYTES))
  const hash = hashBytes(bytes)
  const { nodes } = buildTree(records)
  const hashes = [...nodes.values()].slice(0, NODES_AT_ONCE).map(node => hashBytes(node))
  const serving = makeFolder({
    handlers: { onChunk: () => Promise.resolve(bytes), onNodes: asked => asked.map(one => nodes.get(hashKey(one))) }
  })
  const ends: (() => unknown)[] = []
  const { toA } = await meet({ teardown: end => void ends.push(end) }, serving, makeFolder())
  const { signal } = new AbortController()
  const parts: Part[] = [
    {
      name: 'chunk channel',
      count: CHUNKS_AT_ONCE * CHUNK_BYTES,
      unit: 'bytes',
      run: () =>
        Promise.all(
          Array.from({ length: CHUNKS_AT_ONCE }, () => toA.requestChunks([{ hash, length: CHUNK_BYTES }], signal))
        )
    },
    { name: 'Merkle channel', count: hashes.length, unit: 'nodes', run: () => toA.requestNodes(hashes) }
  ]
  return { parts, close: () => ends.forEach(end => end()) }
}

function told({ count, unit }: Part, hertz: number): string {
  const rate = count * hertz
  return unit === 'bytes' ? `${(rate / 1e6).toFixed(0)} MB/s` : `${Math.round(rate).toLocaleString('en')} ${unit}/s`
}

const place = mkdtempSync(join(tmpdir(), 'backer-bench-'))
try {
  const index = await indexParts(place)
  const channels = await channelParts()
  const parts = [...treeParts(), ...contentParts(), ...codecParts(), ...index.parts, ...channels.parts]
  const bench = new Bench({ time: MILLISECONDS })
  for (const { name, run } of parts) bench.add(name, run)
  await bench.run()
  const rows = parts.map(part => {
    const result = bench.getTask(part.name)?.result
    if (result?.state !== 'completed') throw new Error(`${part.name} did not end well`, { cause: result })
    return [part.name, told(part, 1000 / result.latency.p50)]
  })
  process.stdout.write(`${markdown(['part', 'median'], rows)}\n`)
  channels.close()
  await index.close()
} finally {
  rmSync(place, { recursive: true, force: true })
}
