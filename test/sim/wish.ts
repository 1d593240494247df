import { messageOf } from '../../lib/core/error.js'
import { ancestorsOf, type RelativePath } from '../../lib/core/model/path.js'
import type { RestoreItem } from '../../lib/folder/past.js'
import type { Folder } from '../../lib/folder/folder.js'
import type { Device } from './device.js'
import { find } from './volume.js'
import { pathsBelow } from './user.js'
import type { Wish } from './plan.js'
import type { Witness } from './witness.js'
import type { World } from './world.js'

/** Has a device's engine do what its user asks of it. It takes its time, and everything else may happen meanwhile. */
export function grant(world: World, device: Device, wish: Wish): void {
  const { running } = device
  const witness = world.witnesses[device.index]
  if (running?.isReady !== true || witness === undefined) return
  const { folder, life } = running
  world.note(`${device.name} asks: ${JSON.stringify(wish)}`)
  world.wishCount++
  const underWay = { life }
  world.wishes.add(underWay)
  const allow: Asker['allow'] = (kind, covers) => {
    const end = witness.allow(kind, covers)
    // The witness looks when the event is over in which the engine has ended.
    return () => world.later(1, end)
  }
  carryOut(folder, wish, { device, allow }).then(
    answer => {
      world.wishes.delete(underWay)
      if (!life.isOver) world.note(`${device.name} is told: ${answer}`)
    },
    (error: unknown) => {
      world.wishes.delete(underWay)
      if (!life.isOver) world.note(`${device.name} is refused: ${messageOf(error)}`)
    }
  )
}

interface Asker {
  readonly device: Device
  readonly allow: Witness['allow']
}

async function carryOut(folder: Folder, wish: Wish, asker: Asker): Promise<string> {
  switch (wish.kind) {
    case 'restore':
      return restore(folder, wish.at, asker)
    case 'restore-all':
      return restoreAll(folder, wish.nth, asker)
    case 'snapshot':
      return `snapshot ${(await folder.history.createSnapshot()).id}`
    case 'drop':
      return drop(folder, wish, asker)
    case 'get':
      return `${(await folder.getter.get([undefined])).fetched} fetched`
  }
}

/** Brings back the last kept version of a path: one that is there, or one of a file that is not. */
async function restore(folder: Folder, at: number, asker: Asker): Promise<string> {
  const kept = await folder.history.revisions(pickPath(asker.device, at))
  const chosen = kept[at % Math.max(1, kept.length)]
  if (chosen === undefined) return 'nothing is kept of it'
  const { path, id } = chosen
  return restoreItems(folder, [await folder.history.itemOf(path, { id })], asker)
}

async function restoreAll(folder: Folder, nth: number, asker: Asker): Promise<string> {
  const states = await folder.history.snapshots()
  const state = states[nth % Math.max(1, states.length)]
  if (state === undefined) return 'there is no snapshot'
  const items: RestoreItem[] = []
  for await (const page of (await folder.history.planAt(state, [undefined])).items()) items.push(...page)
  return restoreItems(folder, items, asker)
}

async function restoreItems(folder: Folder, items: readonly RestoreItem[], { allow }: Asker): Promise<string> {
  const paths = new Set<string>(items.flatMap(({ path }) => [...ancestorsOf(path), path]))
  const end = allow('replace', path => paths.has(path))
  try {
    const { restored, failedCount } = await folder.history.restore(folder.history.planOf(items))
    return `${restored} restored, ${failedCount} not`
  } finally {
    end()
  }
}

async function drop(
  folder: Folder,
  { at, copies }: Extract<Wish, { kind: 'drop' }>,
  { device, allow }: Asker
): Promise<string> {
  const path = at % 4 === 0 ? undefined : pickPath(device, at)
  const end = allow('drop', one => path === undefined || `${one}/`.startsWith(`${path}/`))
  try {
    const { dropped, keptCount } = await folder.dropper.drop([path], { copies, isDryRun: false })
    return `${dropped} dropped, ${keptCount} kept`
  } finally {
    end()
  }
}

function pickPath(device: Device, at: number): RelativePath {
  const paths = pathsBelow(device.root).filter(path => find(device.root, path)?.kind !== 'directory')
  return (paths[at % Math.max(1, paths.length)] ?? 'a') as RelativePath
}
