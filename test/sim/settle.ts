import { hashKey } from '../../lib/core/model/hash.js'
import { hasSeen } from '../../lib/core/model/version.js'
import { EMPTY_ROOT } from '../../lib/core/tree/node.js'
import { RESCAN_MS, type Device } from './device.js'
import { inspectConflicts, inspectEqual, inspectResting } from './inspect.js'
import { Broken } from './ledger.js'
import { inspectIndex, inspectMerging } from './records.js'
import { differsOnlyAt, goneForGood } from './unobtainable.js'
import type { Witness } from './witness.js'
import type { World } from './world.js'

/** How long all devices may take to become equal once nothing stands in their way: what the watcher missed is found within one look through everything. */
const CONVERGE_MS = 5 * RESCAN_MS
/** How often everything is looked through once all devices are equal. */
const RESCANS = 3
/** More events than any healthy run takes to become equal. */
const CONVERGE_EVENTS = 150_000

/** Heals everything, waits until all devices are equal, and looks closely at what they have become. Throws Broken. */
export async function settle(world: World): Promise<void> {
  world.note('settles')
  for (const device of world.members) heal(world, device)
  world.network.heal()
  world.clearRules()
  await world.pass(1000)
  for (const device of world.members) restartIfStopped(world, device)
  inspectMerging(world.members)
  await untilEqual(world, 'L1', 'not equal in time')
  world.note('equal')
  for (const witness of memberWitnesses(world)) buryWhereEqual(world, witness)
  await inspect(world)
}

async function untilEqual(world: World, promise: string, sentence: string): Promise<void> {
  const began = { at: world.scheduler.nowMs, events: world.eventCount }
  while (world.hasRules || !isEqual(world)) {
    if (world.scheduler.nowMs - began.at > CONVERGE_MS) throw new Broken(promise, `${sentence}: ${states(world)}`)
    if (world.eventCount - began.events > CONVERGE_EVENTS) throw new Broken('L2', `no end of work: ${states(world)}`)
    world.clearRules()
    for (const device of world.members) fetchDropped(device)
    await world.pass(500)
  }
}

/** What was dropped is to come back, so that all can be the same. */
function fetchDropped(device: Device): void {
  const { running } = device
  if (running?.isReady !== true || !running.folder.isIdle || !lacksDropped(device)) return
  running.folder.getter.get([undefined]).catch(() => undefined)
}

function memberWitnesses({ members, witnesses }: World): Witness[] {
  return members.flatMap(({ index }) => witnesses[index] ?? [])
}

function writerWitnesses({ members, witnesses, plan }: World): Witness[] {
  return members.flatMap(({ index }) => (plan.readers.includes(index) ? [] : (witnesses[index] ?? [])))
}

function lacksDropped({ entries }: Device): boolean {
  return [...entries.values()].some(({ lack }) => lack?.kind === 'dropped')
}

/** A reader may have something of its own, or may not have heard of the last change yet. */
function buryWhereEqual(world: World, witness: Witness): void {
  const { ever } = world
  const [writer] = writerWitnesses(world)
  const isEqual = witness.view.visible.size === writer?.view.visible.size
  const same = [...witness.view.visible].every(([path, { label }]) => writer?.view.visible.get(path)?.label === label)
  witness.bury(isEqual && same ? ever : new Map())
}

async function inspect(world: World): Promise<void> {
  const writers = writerWitnesses(world)
  const gone = goneForGood(world.members, memberWitnesses(world))
  inspectEqual(writers, world.ledger, gone)
  if (world.plan.isSingleWriter) for (const witness of writers) inspectConflicts(witness)
  await lookAgain(world)
  for (const device of world.members) {
    inspectResting(device)
    inspectIndex(device)
  }
}

/** Looking through everything again, some times, makes no version and moves no content. */
async function lookAgain(world: World): Promise<void> {
  const before = roots(world)
  // What was asked for before may still be on its way.
  const { traffic } = world.network
  traffic.epoch++
  traffic.freshCount = 0
  for (let i = 0; i < RESCANS; i++) {
    for (const { running } of world.members) running?.folder.rescan()
    await world.pass(1000)
  }
  // What the last look made them say is still on its way.
  await untilEqual(world, 'L8', 'looking again has no end')
  if (roots(world) !== before) throw new Broken('S11', 'looking again made new versions')
  if (traffic.freshCount > 0) throw new Broken('S11', 'looking again moved content')
}

function heal(world: World, device: Device): void {
  world.disarm(device)
  device.isDeaf = false
  device.isMounted = true
  device.isReadOnly = false
  world.join(device)
  for (const { inode } of world.witnesses[device.index]!.view.visible.values()) inode.isDenied = false
  device.overflow()
}

function restartIfStopped(world: World, device: Device): void {
  if (device.running === undefined) return
  if (device.running.folder.status().state === 'stopped') world.kill(device, 100)
}

function isEqual(world: World): boolean {
  const { members: devices, network, plan, wishes } = world
  if (!network.isWhole) return false
  for (const { life } of wishes) if (!life.isOver) return false
  // A reader that has written by itself has a root of its own, for good.
  const isReader = ({ index }: Device): boolean => plan.readers.includes(index)
  if (!devices.every(({ running }) => running?.isReady === true && running.folder.isIdle)) return false
  if (devices.some(lacksDropped)) return false
  const writers = devices.filter(device => !isReader(device))
  const [root, ...others] = writers.map(({ running }) => hashKey(running?.store.root ?? EMPTY_ROOT))
  if (others.some(other => other !== root)) return differsOnlyAt(writers, goneForGood(devices, memberWitnesses(world)))
  if (!writers.every(one => writers.every(other => one === other || knowsEqual(one, other)))) return false
  if (plan.readers.length > 0) return devices.filter(isReader).every(reader => hasSeenAll(reader, writers[0]))
  return writers.every(({ running }) => running?.folder.status().state === 'in-sync')
}

/** True where `other` has told that it holds the same. Before that it says what it knows of the device itself, which may have been put back to an earlier state. */
function knowsEqual({ running }: Device, other: Device): boolean {
  const peers = running?.folder.status().peers ?? []
  return peers.some(({ replica, inSync }) => replica === other.running?.store.replica && inSync)
}

/** A reader's own root tells nothing, once it has something of its own: what counts is which writes it has heard of. */
function hasSeenAll(reader: Device, writer: Device | undefined): boolean {
  return [...(writer?.entries ?? [])].every(([path, { record }]) => {
    const known = reader.entries.get(path)?.record.context ?? []
    return record.context.every(dot => hasSeen(known, dot))
  })
}

function roots({ members }: World): string {
  return members.map(({ running }) => hashKey(running?.store.root ?? EMPTY_ROOT)).join()
}

function states({ members }: World): string {
  return members
    .map(({ name, running }) => {
      if (running === undefined) return `${name} is down`
      const { state, root, idle, problems, error } = running.folder.status()
      const why = [
        ...problems.map(
          ({ path, code, message }) => `${path ?? '?'} ${code}${path === undefined ? `: ${message}` : ''}`
        ),
        error?.message ?? ''
      ].join(', ')
      return `${name} ${state} ${idle ? 'idle' : 'busy'} ${root.slice(0, 8)} ${why}`
    })
    .join('; ')
}
