import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Test } from 'brittle'

/**
 * Networks of several hosts on one machine, in network namespaces: a public network, homes behind routers of several kinds, LANs that lead nowhere,
 * and links with a rate, a delay and loss. Needs root, iproute2, nftables, a C compiler and /dev/net/tun.
 *
 * All of a lab's namespaces carry its name. A keeper, a process of its own that waits for this one to end, however it ends, removes what is left
 * of them and of what runs in them.
 */

/**
 * What a home's router does with a connection to the outside.
 * - `open`: there is none; the host has a public address.
 * - `preserve`: the source port stays: hole punching works between two of these.
 * - `random`: a fresh port for every destination ("symmetric").
 * - `blocked`: as `preserve`, and no UDP gets out.
 */
export type Nat = 'open' | 'preserve' | 'random' | 'blocked'

export interface LinkQuality {
  /** 0: as fast as it goes. */
  readonly rateMbit: number
  /** One way. With neither delay nor loss it is a cable, whose rate cannot be 0. */
  readonly delayMs: number
  readonly lossPercent: number
}

/** The address at which the public network's own host (a DHT node, a relay) is found: the first of five. */
export const PUBLIC_HOST = '20.0.0.1'
const PUBLIC_ADDRESSES = 5
/** What of an Ethernet's rate goes to frames of 1,514 bytes; the rest are preambles, checksums and gaps. */
const ETHERNET_SHARE = 1514 / 1538
/** A file system in memory. */
const MEMORY = '/dev/shm'

let labs = 0

/** A host of a lab: a network namespace. */
export class LabHost {
  readonly namespace: string
  readonly address: string
  /** The lab's own: what is put there goes with the lab, however it ends. */
  readonly directory: string

  constructor(namespace: string, address: string, directory: string) {
    this.namespace = namespace
    this.address = address
    this.directory = directory
  }

  /** Runs a command here and gives what it printed. Throws where it fails. */
  run(...words: string[]): string {
    return command('ip', 'netns', 'exec', this.namespace, ...words)
  }

  /** The words before a command that is to run here. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.namespace]
  }

  /** Pulls the cable, or plugs it in again. A host's default route goes with its cable. */
  plug(isIn: boolean): void {
    const route = isIn ? '' : this.run('ip', 'route', 'show', 'default').trim()
    if (route !== '') this.#route = route.split(/\s+/)
    this.run('ip', 'link', 'set', 'eth0', isIn ? 'up' : 'down')
    if (isIn && this.#route !== undefined) this.run('ip', 'route', 'replace', ...this.#route)
  }

  /** Takes no TCP connections from now on: what comes about is UDX. */
  dropTcp(): void {
    this.#drop('meta l4proto tcp')
  }

  /** Takes no UDP from now on, but multicast DNS: what comes about is TCP. */
  dropUdp(): void {
    this.#drop('udp dport != 5353')
  }

  /** Lets no UDP packet of more than 1,200 bytes in, and tells nobody, as a road does whose packets are smaller than those at its ends. */
  dropLarge(): void {
    this.#drop('udp length > 1228')
  }

  #drop(what: string): void {
    this.run('nft', 'add table inet dropped')
    this.run('nft', 'add chain inet dropped in { type filter hook input priority -10; }')
    this.run('nft', `add rule inet dropped in iifname eth0 ${what} drop`)
  }

  #route: string[] | undefined
}

/** A home: hosts on one LAN behind one router. */
export interface Home {
  readonly router: LabHost
  readonly hosts: readonly LabHost[]
}

export class Lab {
  readonly name: string
  readonly #keeper: ChildProcess
  readonly #directory: string
  readonly #children: ChildProcess[] = []
  /** Each host of a LAN, and the one with the LAN's bridge. */
  readonly #middles = new Map<LabHost, LabHost>()
  #homes = 0
  #ports = 0

  private constructor(name: string, keeper: ChildProcess, directory: string) {
    this.name = name
    this.#keeper = keeper
    this.#directory = directory
  }

  /** A lab that goes with the test. `inMemory`: what its devices have lies in memory where that can be, so that no disk is measured. */
  static open(t: Test, { inMemory = false }: { readonly inMemory?: boolean } = {}): Lab {
    const name = `bl${process.pid}x${++labs}`
    const directory = mkdtempSync(join(inMemory && existsSync(MEMORY) ? MEMORY : tmpdir(), 'backer-test-'))
    const script = `trap '' INT TERM HUP; cat >/dev/null; ${removal(name)}; rm -rf ${directory} || { sleep 1; rm -rf ${directory}; }`
    // A group of its own, so that Ctrl-C ends this process and not the one that cleans up behind it.
    const keeper = spawn('sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    const lab = new Lab(name, keeper, directory)
    t.teardown(() => lab.close(), { order: 50 })
    return lab
  }

  /** The public network: a host with the addresses 20.0.0.1 to 20.0.0.5, into which homes are plugged. Call it once, first. */
  internet(): LabHost {
    const host = this.#host('pub', PUBLIC_HOST)
    host.run('ip', 'link', 'add', 'br0', 'type', 'bridge')
    host.run('ip', 'link', 'set', 'br0', 'up')
    for (let i = 1; i <= PUBLIC_ADDRESSES; i++) host.run('ip', 'address', 'add', `20.0.0.${i}/24`, 'dev', 'br0')
    return host
  }

  /** A host with a public address. */
  openHost(pub: LabHost): LabHost {
    const number = ++this.#homes
    const host = this.#host(`o${number}`, `20.0.0.${20 + number}`)
    this.#plugIn(host, 'eth0', pub, 'br0')
    host.run('ip', 'address', 'add', `${host.address}/24`, 'dev', 'eth0')
    return host
  }

  /** A LAN with `count` hosts behind a router of its own on the public network. */
  home(pub: LabHost, nat: Exclude<Nat, 'open'>, count = 1): Home {
    const number = ++this.#homes
    const router = this.#host(`r${number}`, `20.0.0.${20 + number}`)
    this.#plugIn(router, 'wan', pub, 'br0')
    router.run('ip', 'address', 'add', `${router.address}/24`, 'dev', 'wan')
    const hosts = this.#lan(router, `192.168.${number}`, count)
    for (const host of hosts) host.run('ip', 'route', 'add', 'default', 'via', `192.168.${number}.1`)
    router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
    const home = { router, hosts }
    this.setNat(home, nat)
    return home
  }

  /** From now on a home's router does this with new connections; those that there are go on as they were. */
  setNat({ router }: Home, nat: Exclude<Nat, 'open'>): void {
    const rules = `table ip home\ndelete table ip home\n${routerRules(nat)}`
    command('sh', '-c', `ip netns exec ${router.namespace} nft -f - <<'RULES'\n${rules}\nRULES`)
  }

  /** Plugs a host into the LAN of another one, with an address there, as a notebook that is carried from one place to another. */
  move(host: LabHost, beside: LabHost): void {
    host.run('ip', 'link', 'delete', 'eth0')
    this.addInterface(host, 'eth0', beside)
    host.run('ip', 'route', 'add', 'default', 'via', beside.address.replace(/\d+$/, '1'))
  }

  /** One more interface for a host, on the LAN of another one; its address there. */
  addInterface(host: LabHost, device: string, beside: LabHost): string {
    const middle = this.#middles.get(beside)
    if (middle === undefined) throw new Error(`${beside.namespace} is on no LAN`)
    const address = beside.address.replace(/\d+$/, String(100 + ++this.#ports))
    this.#plugIn(host, device, middle, 'lan')
    host.run('ip', 'address', 'add', `${address}/24`, 'dev', device)
    return address
  }

  /** A LAN with `count` hosts that leads nowhere else. */
  lan(count: number): readonly LabHost[] {
    const number = ++this.#homes
    const hosts = this.#lan(this.#host(`s${number}`, ''), `192.168.${number}`, count)
    for (const host of hosts) host.run('ip', 'route', 'add', 'default', 'via', `192.168.${number}.1`)
    return hosts
  }

  /** Two hosts with a link of some quality between them, 20.1.0.1 and 20.1.0.2. Their TCP uses cubic, as most machines' does. */
  async link(quality: LinkQuality): Promise<readonly [LabHost, LabHost]> {
    const ends = [this.#host('a', '20.1.0.1'), this.#host('b', '20.1.0.2')] as const
    if (quality.delayMs === 0 && quality.lossPercent === 0) this.#cable(ends, quality.rateMbit)
    else await this.#emulate(ends, quality)
    for (const host of ends) {
      host.run('ip', 'address', 'add', `${host.address}/24`, 'dev', 'eth0')
      host.run('ip', 'link', 'set', 'eth0', 'up')
      useCubic(host, '20.1.0.0/24')
      host.run('ip', 'route', 'add', 'default', 'dev', 'eth0', 'congctl', 'cubic')
    }
    return ends
  }

  /** A cable of the kernel's own, whose ends cut large packets up as network cards do: an emulator would take the cores from those that are measured. */
  #cable([first, second]: readonly [LabHost, LabHost], rateMbit: number): void {
    const peer = ['peer', 'name', 'eth0', 'netns', second.namespace]
    command('ip', 'link', 'add', 'eth0', 'netns', first.namespace, 'type', 'veth', ...peer)
    const rate = `${Math.floor(rateMbit * 1000 * ETHERNET_SHARE)}kbit`
    for (const host of [first, second]) {
      host.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', 'rate', rate, 'burst', '128kb', 'latency', '10ms')
    }
  }

  async #emulate(ends: readonly [LabHost, LabHost], quality: LinkQuality): Promise<void> {
    const program = join(this.#directory, 'link')
    command('cc', '-O2', '-o', program, resolve('test/lab/link.c'))
    const taps = [`${this.name}a`, `${this.name}b`] as const
    const { rateMbit, delayMs, lossPercent } = quality
    const child = spawn(program, [...taps, ...[rateMbit, delayMs, lossPercent].map(String)], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    this.#children.push(child)
    await once(child.stdout, 'data')
    ends.forEach((host, i) => {
      command('ip', 'link', 'set', taps[i] ?? '', 'netns', host.namespace, 'name', 'eth0')
    })
  }

  /** Ends what runs in the lab and removes it. */
  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    if (this.#keeper.exitCode !== null) return
    const gone = once(this.#keeper, 'exit')
    this.#keeper.stdin?.end()
    await gone
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #lan(middle: LabHost, prefix: string, count: number): LabHost[] {
    middle.run('ip', 'link', 'add', 'lan', 'type', 'bridge')
    middle.run('ip', 'link', 'set', 'lan', 'up')
    middle.run('ip', 'address', 'add', `${prefix}.1/24`, 'dev', 'lan')
    return Array.from({ length: count }, (_, i) => {
      const host = this.#host(`h${this.#homes}x${i + 1}`, `${prefix}.${i + 2}`)
      this.#plugIn(host, 'eth0', middle, 'lan')
      host.run('ip', 'address', 'add', `${host.address}/24`, 'dev', 'eth0')
      this.#middles.set(host, middle)
      return host
    })
  }

  #host(label: string, address: string): LabHost {
    const host = new LabHost(`${this.name}-${label}`, address, this.#directory)
    command('ip', 'netns', 'add', host.namespace)
    host.run('ip', 'link', 'set', 'lo', 'up')
    return host
  }

  #plugIn(host: LabHost, device: string, middle: LabHost, bridge: string): void {
    const port = `port${++this.#ports}`
    const peer = ['peer', 'name', port, 'netns', middle.namespace]
    command('ip', 'link', 'add', device, 'netns', host.namespace, 'type', 'veth', ...peer)
    middle.run('ip', 'link', 'set', port, 'master', bridge)
    middle.run('ip', 'link', 'set', port, 'up')
    host.run('ip', 'link', 'set', device, 'up')
  }
}

/** TCP on the way to this network uses cubic, as most machines' does: a lab's own machine may do otherwise. */
function useCubic(host: LabHost, network: string): void {
  host.run('ip', 'route', 'replace', network, 'dev', 'eth0', 'src', host.address, 'congctl', 'cubic')
}

function routerRules(nat: Exclude<Nat, 'open'>): string {
  const masquerade = nat === 'random' ? 'masquerade random,fully-random' : 'masquerade'
  return `
    table ip home {
      chain out { type nat hook postrouting priority 100; oifname "wan" ${masquerade}; }
      chain through {
        type filter hook forward priority 0; policy drop;
        ${nat === 'blocked' ? 'meta l4proto udp drop' : ''}
        ct state established,related accept
        iifname "lan" accept
      }
      chain in {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        iifname { "lo", "lan" } accept
      }
    }`
}

/** A shell script that ends all that runs in a lab's namespaces and removes them. */
function removal(name: string): string {
  return `for n in $(ip netns list | cut -d' ' -f1 | grep '^${name}-'); do
    for i in 1 2 3; do for p in $(ip netns pids $n); do kill -9 $p; done; done; ip netns del $n; done`
}

function command(program: string, ...words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${error?.message ?? stderr}`)
  return stdout
}
