import test, { type Test } from 'brittle'
import fc from 'fast-check'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'
import { emptyDirectory, install, openFolder, recoverFolder, TRAITS } from './make-folder.js'
import { ACTIONS, RacingUser, type Action } from './racing-user.js'
import { SCENARIOS, type Scenario } from './scenarios.js'
import { CHANGING, Killed, watched } from './watched-filesystem.js'

const fs = openFileSystem()
/** More calls than any scenario makes. */
const CALLS_MAX = 200

interface Interference {
  /** Ahead of which call of the installation. */
  readonly at: number
  readonly action: Action
  readonly path: string
}

interface Run {
  readonly scenario: Scenario
  readonly canExchange: boolean
  readonly interferences: readonly Interference[]
  /** Ahead of which changing call the process is killed; undefined: it is not. */
  readonly killedAt?: number
}

for (const canExchange of TRAITS.canExchange ? [true, false] : [false]) {
  const way = canExchange ? 'by exchange' : 'without exchange'
  for (const scenario of SCENARIOS) {
    test(`${way}: a user who interferes at any moment while ${scenario.title} loses nothing`, t => {
      const directory = emptyDirectory(t, true)
      let runs = 0
      for (const path of scenario.raced) {
        for (const action of ACTIONS) {
          for (let at = 0; at < CALLS_MAX; at++) {
            const result = run(t, directory, { scenario, canExchange, interferences: [{ at, action, path }] })
            runs++
            if (result.complaints.length > 0)
              t.fail(`${action} of ${path} ahead of call ${at}: ${result.complaints.join()}`)
            if (result.calls <= at) break
          }
        }
      }
      t.ok(runs > 20, `${runs} runs`)
    })
  }
}

test('a user who interferes at any two moments of a replacement loses nothing', t => {
  const directory = emptyDirectory(t, true)
  const scenario = SCENARIOS.find(({ title }) => title === 'a file is replaced')
  if (scenario === undefined) throw new Error('no such scenario')
  const [path = ''] = scenario.raced
  const pairs = [
    ['save', 'save'],
    ['write', 'save'],
    ['save', 'append'],
    ['save', 'delete'],
    ['delete', 'save']
  ] as const
  for (const [first, second] of pairs) {
    for (let at = 0, calls = CALLS_MAX; at < calls; at++) {
      for (let then = at; then < calls; then++) {
        const interferences = [
          { at, action: first, path },
          { at: then, action: second, path }
        ]
        const result = run(t, directory, { scenario, canExchange: TRAITS.canExchange, interferences })
        calls = result.calls
        if (result.complaints.length > 0)
          t.fail(`${first} ahead of call ${at}, ${second} ahead of ${then}: ${result.complaints.join()}`)
      }
    }
  }
  t.pass()
})

test('a user who interferes often, and a crash in the middle of it, lose nothing', t => {
  const directory = emptyDirectory(t, true)
  fc.assert(
    fc.property(
      fc.constantFrom(...SCENARIOS),
      fc.boolean(),
      fc.array(fc.tuple(fc.nat(60), fc.constantFrom(...ACTIONS), fc.nat(1)), { minLength: 1, maxLength: 8 }),
      fc.option(fc.nat(25), { nil: undefined }),
      (scenario, canExchange, actions, killedAt) => {
        const interferences = actions.map(([at, action, raced]) => {
          return { at, action, path: scenario.raced[raced % scenario.raced.length] ?? '' }
        })
        const kill = killedAt === undefined ? {} : { killedAt }
        const { complaints } = run(t, directory, { scenario, canExchange, interferences, ...kill })
        if (complaints.length > 0) throw new Error(`${scenario.title}: ${complaints.join()}`)
      }
    ),
    { numRuns: 1000 }
  )
  t.pass()
})

function run(
  t: Test,
  directory: string,
  options: Run
): { readonly complaints: readonly string[]; readonly calls: number } {
  const { scenario, canExchange, interferences, killedAt } = options
  const folder = openFolder(t, fs, directory)
  const steps = scenario.prepare(folder)
  const user = new RacingUser(folder)
  let calls = 0
  let changes = 0
  let killed = false
  const racing = watched(fs, (call, number) => {
    calls = number + 1
    if (killed || (CHANGING.has(call) && changes++ === killedAt)) {
      killed = true
      throw new Killed()
    }
    for (const { at, action, path } of interferences) if (at === number) user.act(action, path)
  })
  try {
    install({ ...folder, fs: racing }, steps, { ...TRAITS, canExchange })
    return { complaints: user.complaints(), calls }
  } catch (error) {
    if (!(error instanceof Killed)) throw error
  }
  recoverFolder(folder, scenario.paths)
  // What recovery puts where is not where the user had it last, if he replaced it himself in between: but it is there.
  return { complaints: user.lost(), calls }
}
