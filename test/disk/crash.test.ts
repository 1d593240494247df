import { renameSync, statSync, utimesSync } from 'node:fs'
import test, { type Test } from 'brittle'
import type { DiskTraits, InstallStep } from '../../lib/disk/disk.js'
import type { FileSystem } from '../../lib/disk/filesystem.js'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'
import { PortableFileSystem } from '../../lib/disk/portable.js'
import {
  emptyDirectory,
  fileStep,
  install,
  makeFolder,
  NEW_MTIME_NS,
  openFolder,
  pathOf,
  recoverFolder,
  REVISION,
  revisionTexts,
  staged,
  stampAt,
  textsBelow,
  tmpNames,
  TRAITS,
  userWrites,
  type Folder
} from './make-folder.js'
import { NEW, SCENARIOS, stands, type Scenario } from './scenarios.js'
import { killedAfter, Killed, systemError, watched, CHANGING } from './watched-filesystem.js'

interface Setting {
  readonly title: string
  readonly fs: FileSystem
  readonly traits: DiskTraits
}

const SETTINGS: readonly Setting[] = [
  { title: 'by exchange', fs: openFileSystem(), traits: TRAITS },
  { title: 'without exchange', fs: openFileSystem(), traits: { ...TRAITS, canExchange: false } },
  { title: 'by paths', fs: new PortableFileSystem(), traits: { ...TRAITS, canExchange: false } }
]

/** More changing calls than any scenario makes. */
const CALLS_MAX = 100

for (const setting of SETTINGS) {
  for (const scenario of SCENARIOS) {
    test(`${setting.title}: killed at any call while ${scenario.title}, nothing is lost`, t => {
      const directory = emptyDirectory(t, setting !== SETTINGS[0])
      let last = 0
      for (; last < CALLS_MAX; last++) {
        const wasKilled = crashOnce(t, { setting, scenario, directory, last })
        if (!wasKilled) break
      }
      t.ok(last > 0 && last < CALLS_MAX, `${last} calls`)
    })
  }
}

test('killed in the middle of a recovery, and again, nothing is lost', t => {
  const directory = emptyDirectory(t, true)
  const [setting] = SETTINGS
  let kills = 0
  if (setting === undefined) return
  for (const scenario of SCENARIOS) {
    for (let last = 0; last < CALLS_MAX; last++) {
      for (let second = 0; second < CALLS_MAX; second++) {
        const folder = openFolder(t, setting.fs, directory)
        const before = prepareAndKill(folder, setting, scenario, last)
        const limited = killedAfter(setting.fs, second)
        try {
          recoverFolder({ ...folder, fs: limited.fs }, scenario.paths)
        } catch (error) {
          if (!(error instanceof Killed)) throw error
          kills++
        }
        checkRecovered(t, folder, scenario, before)
        if (!limited.wasKilled()) break
      }
      const folder = openFolder(t, setting.fs, directory)
      if (!prepareAndKill(folder, setting, scenario, last).wasKilled) break
    }
  }
  t.ok(kills > 20, `${kills} kills of a recovery`)
})

test('what was taken for a move stands again with the mode and time that it had', t => {
  const directory = emptyDirectory(t, true)
  const { fs, traits } = SETTINGS[0]!
  let restored = 0
  for (let last = 0; last < CALLS_MAX; last++) {
    const folder = openFolder(t, fs, directory)
    userWrites(folder, 'from', 'moved')
    const fromStamp = stampAt(folder, 'from')!
    const [from, path] = [pathOf('from'), pathOf('to')]
    const limited = killedAfter(fs, last)
    const wanted = { mode: 0o751, mtimeNs: NEW_MTIME_NS, expected: { kind: 'nothing' }, displaced: REVISION } as const
    try {
      install({ ...folder, fs: limited.fs }, [{ kind: 'move', path, from, fromStamp, ...wanted }], traits)
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    }
    recoverFolder(folder, ['from', 'to'], Date.now(), new Map([['from', fromStamp]]))
    const back = stampAt(folder, 'from')
    if (back !== undefined) {
      restored++
      t.alike([back.mode, back.mtimeNs], [fromStamp.mode, fromStamp.mtimeNs], `killed ahead of change ${last + 1}`)
    }
    if (!limited.wasKilled()) break
  }
  t.ok(restored > 1, `${restored} times`)
})

test('one error at any call loses nothing, and what was not done stands as before', t => {
  const directory = emptyDirectory(t, true)
  for (const setting of SETTINGS) {
    for (const scenario of SCENARIOS) {
      for (let failing = 0; failing < CALLS_MAX; failing++) {
        const folder = openFolder(t, setting.fs, directory)
        const steps = scenario.prepare(folder)
        const texts = userTexts(folder)
        let changes = 0
        const fs = watched(setting.fs, call => {
          if (CHANGING.has(call) && changes++ === failing) throw systemError('ENOSPC')
        })
        const results = install({ ...folder, fs }, steps, setting.traits)
        if (results.every(result => result.kind !== 'done')) sameTexts(t, userTexts(folder), texts, scenario.title)
        keptAll(t, folder, texts, `${scenario.title}, call ${failing}`)
        if (changes <= failing) break
      }
    }
  }
})

test('a disk that is full from any call on loses nothing', t => {
  const directory = emptyDirectory(t, true)
  for (const setting of SETTINGS) {
    for (const scenario of SCENARIOS) {
      for (let failing = 0; failing < CALLS_MAX; failing++) {
        const folder = openFolder(t, setting.fs, directory)
        const steps = scenario.prepare(folder)
        const texts = userTexts(folder)
        let changes = 0
        const fs = watched(setting.fs, call => {
          if (CHANGING.has(call) && changes++ >= failing) throw systemError('ENOSPC')
        })
        install({ ...folder, fs }, steps, setting.traits)
        recoverFolder(folder, scenario.paths)
        keptAll(t, folder, texts, `${scenario.title}, from call ${failing} on`)
        if (changes <= failing) break
      }
    }
  }
})

test('an exchange that was cut off is undone, unless the user saves in that very moment', t => {
  if (!TRAITS.canExchange) {
    t.pass('not on this system')
    return
  }
  for (const saves of [false, true]) {
    const folder = makeFolder(t)
    userWrites(folder, 'a', 'user: old')
    const step = fileStep(folder, 'a', NEW)
    killAfterExchange(folder, step)
    t.is(textsBelow(folder).get('a'), NEW)
    const fs = watched(folder.fs, call => {
      if (call === 'exchange' && stands(folder, 'saving')) renameSync(folder.at('saving'), folder.at('a'))
    })
    if (saves) userWrites(folder, 'saving', 'user: saved')
    const { putBack, keptCount, reusable } = recoverFolder({ ...folder, fs }, ['a'])
    t.alike(putBack, ['a'])
    t.alike([...textsBelow(folder)], [['a', saves ? 'user: saved' : 'user: old']])
    t.alike(revisionTexts(folder), saves ? ['user: old'] : [])
    t.is(keptCount, saves ? 1 : 0)
    t.alike(reusable, saves ? [] : tmpNames(folder))
    for (const name of reusable) t.is(statSync(folder.at(`.backer/tmp/${name}`)).mode & 0o777, 0o600)
  }
})

function killAfterExchange(folder: Folder, step: InstallStep): void {
  let exchanged = false
  const fs = watched(folder.fs, call => {
    if (exchanged) throw new Killed()
    exchanged = call === 'exchange'
  })
  try {
    install({ ...folder, fs }, [step])
  } catch (error) {
    if (!(error instanceof Killed)) throw error
  }
}

test('recovery keeps partial files for a week, and leaves what it does not know', t => {
  const folder = makeFolder(t)
  const name = staged(folder, 'a', 'part')
  userWrites(folder, '.backer/tmp/notes.txt', 'somebody put this here')
  // Its mtime may be that of the file it is to become: it does not count.
  utimesSync(folder.at(`.backer/tmp/${name}`), 1, 1)
  t.is(recoverFolder(folder, []).expiredCount, 0)
  t.alike(tmpNames(folder), [name, 'notes.txt'].sort())
  t.is(recoverFolder(folder, [], Date.now() + 8 * 24 * 3600 * 1000).expiredCount, 1)
  t.alike(tmpNames(folder), ['notes.txt'])
})

test('what a crash left of a path that nobody knows is kept under recovered', t => {
  const folder = makeFolder(t)
  userWrites(folder, `.backer/tmp/swap-${'0'.repeat(64)}-${'1'.repeat(16)}`, 'user: unknown')
  userWrites(folder, `.backer/tmp/swap-what`, 'user: unclear')
  t.is(recoverFolder(folder, []).keptCount, 2)
  t.alike(revisionTexts(folder).sort(), ['user: unclear', 'user: unknown'])
  t.alike(tmpNames(folder), [])
})

interface Crash {
  readonly setting: Setting
  readonly scenario: Scenario
  readonly directory: string
  readonly last: number
}

interface Before {
  readonly texts: ReadonlyMap<string, string>
  readonly wasKilled: boolean
}

/** One run that is killed ahead of its `last + 1`-th changing call, and the recovery. False where it was not killed. */
function crashOnce(t: Test, { setting, scenario, directory, last }: Crash): boolean {
  const folder = openFolder(t, setting.fs, directory)
  const before = prepareAndKill(folder, setting, scenario, last)
  if (scenario.neverAbsent !== undefined && setting.traits.canExchange && !stands(folder, scenario.neverAbsent))
    t.fail(`${scenario.neverAbsent} is absent after call ${last}`)
  checkRecovered(t, folder, scenario, before)
  return before.wasKilled
}

function prepareAndKill(folder: Folder, setting: Setting, scenario: Scenario, last: number): Before {
  const steps = scenario.prepare(folder)
  const texts = userTexts(folder)
  const limited = killedAfter(setting.fs, last)
  try {
    install({ ...folder, fs: limited.fs }, steps, setting.traits)
  } catch (error) {
    if (!(error instanceof Killed)) throw error
  }
  return { texts, wasKilled: limited.wasKilled() }
}

/** After recovery, and a second one that finds nothing to do, every text of the user's is there, whole, and none is ours by mistake. */
function checkRecovered(t: Test, folder: Folder, scenario: Scenario, before: Before): void {
  recoverFolder(folder, scenario.paths)
  keptAll(t, folder, before.texts, scenario.title)
  const after = everything(folder)
  const again = recoverFolder(folder, scenario.paths)
  if (again.keptCount + again.putBack.length + again.reusable.length > 0) t.fail('a second recovery found something')
  sameTexts(t, everything(folder), after, scenario.title)
  for (const name of tmpNames(folder))
    if (!/^[0-9a-f]{64}-[0-9a-f]{16}(-[a-z]+)?$/.test(name)) t.fail(`${name} is left`)
  if (scenario.neverAbsent !== undefined && !stands(folder, scenario.neverAbsent)) t.fail('the path is absent')
  for (const [path, text] of textsBelow(folder)) {
    const known = text === NEW || [...before.texts.values()].includes(text)
    const misplaced = text === scenario.only?.[0] && path !== scenario.only[1]
    if (!known || misplaced) t.fail(`${path} has ${JSON.stringify(text)}`)
  }
}

function userTexts(folder: Folder): ReadonlyMap<string, string> {
  return textsBelow(folder)
}

function everything(folder: Folder): ReadonlyMap<string, string> {
  return textsBelow(folder, '.backer', new Map(textsBelow(folder)))
}

/** Every text is in the tree or in the revisions: in `.backer/tmp` nobody would find it. */
function keptAll(t: Test, folder: Folder, texts: ReadonlyMap<string, string>, when: string): void {
  const found = new Set([...textsBelow(folder).values(), ...revisionTexts(folder)])
  for (const text of texts.values()) if (!found.has(text)) t.fail(`${JSON.stringify(text)} is lost: ${when}`)
}

function sameTexts(t: Test, a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>, when: string): void {
  if (JSON.stringify([...a].sort()) !== JSON.stringify([...b].sort())) t.alike([...a].sort(), [...b].sort(), when)
}
