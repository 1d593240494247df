import { Killed, systemError } from '../disk/watched-filesystem.js'
import type { Device } from './device.js'
import type { Misfortune } from './plan.js'
import type { World } from './world.js'

/** Lets something happen to a machine or to the network. */
export function befall(world: World, misfortune: Misfortune): void {
  world.note(`misfortune: ${JSON.stringify(misfortune)}`)
  if ('device' in misfortune && world.isRetired(world.devices[misfortune.device]!)) return
  if (misfortune.kind !== 'kill' && misfortune.kind !== 'power') world.otherMisfortunes++
  if ('a' in misfortune) disturb(world, misfortune)
  else if ('downMs' in misfortune) stop(world, misfortune)
  else spoil(world, misfortune)
}

function disturb(world: World, misfortune: Extract<Misfortune, { readonly a: number }>): void {
  const { network } = world
  const [a, b] = [world.devices[misfortune.a]!, world.devices[misfortune.b]!]
  switch (misfortune.kind) {
    case 'cut':
      return network.cut(a, b)
    case 'partition':
      network.part(a, b)
      return world.later(misfortune.forMs, () => network.rejoin(a, b))
    case 'one-way':
      network.block(a, b)
      return world.later(misfortune.forMs, () => network.unblock(a, b))
    case 'second-line':
      return network.connect(a, b)
  }
}

function stop(world: World, misfortune: Extract<Misfortune, { readonly downMs: number }>): void {
  const device = world.devices[misfortune.device]!
  const { downMs } = misfortune
  const isArmed = 'afterChanges' in misfortune && misfortune.afterChanges > 0 && device.running !== undefined
  if (misfortune.kind === 'restart') return close(world, device, downMs)
  if (misfortune.kind === 'roll-back') return world.rollBack(device, downMs)
  const strike = (): void => {
    if (misfortune.kind === 'power') world.losePower(device, downMs)
    else world.kill(device, downMs)
    if (misfortune.kind === 'lose-index') device.loseIndex()
  }
  if (!isArmed) return strike()
  world.arm(misfortune.device, misfortune.afterChanges, 'changes', () => {
    strike()
    throw new Killed()
  })
}

/** Closes the engine as a user does who ends the program. */
function close(world: World, device: Device, downMs: number): void {
  const { running } = device
  if (running?.isReady !== true) return
  void running.folder.close().then(() => {
    if (!running.life.isOver) world.kill(device, downMs)
  })
}

function spoil(
  world: World,
  misfortune: Exclude<Misfortune, { readonly a: number } | { readonly downMs: number }>
): void {
  const device = world.devices[misfortune.device]!
  switch (misfortune.kind) {
    case 'snapshot':
      return device.takeSnapshot()
    case 'clock':
      device.clockOffMs += misfortune.byMs
      return
    case 'fail': {
      let left = misfortune.count
      return world.arm(misfortune.device, misfortune.skip, 'calls', () => {
        if (left-- > 0) throw systemError(misfortune.code)
        return false
      })
    }
    case 'deny': {
      const inodes = [...world.witnesses[misfortune.device]!.view.visible.values()].map(({ inode }) => inode)
      const inode = inodes[misfortune.at % Math.max(1, inodes.length)]
      if (inode === undefined) return
      inode.isDenied = true
      return world.later(misfortune.forMs, () => (inode.isDenied = false))
    }
    case 'deafen':
      device.isDeaf = true
      return world.later(misfortune.forMs, () => (device.isDeaf = false))
    case 'overflow':
      return device.overflow()
    case 'join':
      if (misfortune.copyOf !== undefined)
        world.copyTo(device, world.devices[misfortune.copyOf]!, misfortune.keepsTimes === true)
      return world.join(device)
    case 'retire':
      return world.retire(device)
    case 'read-only':
      device.isReadOnly = true
      return world.later(misfortune.forMs, () => (device.isReadOnly = false))
    case 'unmount':
      device.isMounted = false
      return world.later(misfortune.forMs, () => (device.isMounted = true))
  }
}
