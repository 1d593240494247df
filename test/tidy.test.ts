import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'brittle'
import type { ErrorCode } from '../lib/core/error.js'
import { exitCodeOf } from '../lib/cli/exit.js'
import { cruise, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser'

/** The rules of docs/architecture.md that a machine can keep. Run from the repository's root. */
const ROOT = resolve('.')
const SOURCES = ['bench', 'bin', 'lib', 'protocol', 'test'] as const
const LINES_MAX = 400

/** What each layer may import, beside itself, `lib/runtime.ts` and declarations. */
const LAYERS: Readonly<Record<string, { readonly files: string; readonly mayImport: readonly string[] }>> = {
  core: { files: '^lib/core/', mayImport: [] },
  protocol: { files: '^protocol/', mayImport: ['core'] },
  store: { files: '^lib/store/', mayImport: ['core'] },
  disk: { files: '^lib/disk/', mayImport: ['core'] },
  home: { files: '^lib/home/', mayImport: ['core'] },
  net: { files: '^lib/net/', mayImport: ['core', 'protocol'] },
  folder: { files: '^lib/folder/', mayImport: ['core', 'protocol', 'store', 'disk'] },
  backer: {
    files: '^lib/(backer|index)\\.ts$',
    mayImport: ['core', 'protocol', 'store', 'disk', 'home', 'net', 'folder', 'real-runtime']
  },
  daemon: { files: '^lib/daemon/', mayImport: ['core', 'home', 'net', 'folder', 'backer', 'real-runtime'] },
  cli: { files: '^lib/cli/', mayImport: ['core', 'home', 'net', 'folder', 'backer', 'daemon'] },
  bin: { files: '^bin/', mayImport: ['cli'] },
  'real-runtime': { files: '^lib/real-runtime\\.ts$', mayImport: [] }
}

/** The only places that may load a package; its types may be used elsewhere. */
const DOORS: Readonly<Record<string, string>> = {
  lmdb: '^lib/store/',
  koffi: '^lib/disk/',
  ignore: '^lib/disk/',
  hyperswarm: '^lib/net/',
  hyperdht: '^lib/net/',
  protomux: '^protocol/',
  '@hyperswarm/secret-stream': '^protocol/',
  fastify: '^lib/daemon/',
  'env-paths': '^lib/home/',
  commander: '^lib/cli/',
  'cli-progress': '^lib/cli/',
  qrcode: '^lib/cli/'
}

test('imports go downwards only, in no circle, and each package has one door', { timeout: 60_000 }, async t => {
  const forbidden = [...layerRules(), ...doorRules(), circles()]
  const { output } = await cruise(['bin', 'lib', 'protocol'], {
    baseDir: ROOT,
    doNotFollow: 'node_modules',
    tsPreCompilationDeps: true,
    validate: true,
    ruleSet: { forbidden }
  })
  const { modules, summary } = output as ICruiseResult
  t.ok(modules.length > 100, 'the sources were found')
  const unresolved = modules.flatMap(({ source, dependencies }) =>
    dependencies.filter(found => found.couldNotResolve).map(found => `${source} -> ${found.module}`)
  )
  t.alike(unresolved, [], 'every import is found')
  t.alike(
    summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    []
  )
})

test('no source file is longer than people can keep in mind', t => {
  const isCode = (line: string): boolean => !/^\s*($|\/\/|\/?\*)/.test(line)
  const long = sourceFiles().filter(file => read(file).split('\n').filter(isCode).length > LINES_MAX)
  t.alike(long, [])
})

test('nothing is left to be done later', t => {
  // Put together from halves, so that this file does not find itself.
  const words = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`)
  t.alike(
    [...sourceFiles(), ...markdownFiles()].filter(file => words.test(read(file))),
    []
  )
})

test('every code of an error or a problem has its section in docs/errors.md, and no other has', t => {
  const codes = [...unionIn('lib/core/error.ts', 'ErrorCode'), ...unionIn('lib/disk/disk.ts', 'ProblemCode')]
  const sections = [...read('docs/errors.md').matchAll(/^### `([^`]+)`$/gm)].map(match => match[1] ?? '')
  t.ok(codes.length > 30, 'the codes were found')
  t.alike([...sections].sort(), [...codes].sort())
})

test('docs/errors.md tells the exit code of every error', t => {
  for (const code of unionIn('lib/core/error.ts', 'ErrorCode')) {
    const section = new RegExp(`^### \`${code}\`\\n\\nExit code (\\d+)\\.`, 'm').exec(read('docs/errors.md'))
    t.is(Number(section?.[1]), exitCodeOf(code as ErrorCode), code)
  }
})

test('every message of the wire has its section in protocol/README.md', t => {
  const messages = [...read('protocol/messages.ts').matchAll(/^export const (\w+)Codec\b/gm)].map(
    match => match[1] ?? ''
  )
  const headings = [...read('protocol/README.md').matchAll(/^#+ (.*)$/gm)].map(match => wordsOf(match[1] ?? ''))
  t.ok(messages.length > 5, 'the messages were found')
  t.alike(
    messages.filter(message => !headings.some(heading => heading.includes(wordsOf(message)))),
    []
  )
})

test('what the package exports is there once it is built', t => {
  const manifest = JSON.parse(read('package.json')) as {
    exports: Record<string, string | Record<string, string>>
    bin: Record<string, string>
    types: string
  }
  const targets = Object.values(manifest.exports).flatMap(target =>
    typeof target === 'string' ? [target] : Object.values(target)
  )
  for (const target of [...targets, ...Object.values(manifest.bin), manifest.types])
    t.ok(existsSync(join(ROOT, target)), target)
})

test('the lock file names no host', t => {
  t.absent(read('package-lock.json').includes('"resolved"'))
})

test('links between the pages of the documentation lead somewhere', t => {
  const broken = markdownFiles().flatMap(file =>
    [...read(file).matchAll(/\]\(([^)#:\s]+)(#[^)]*)?\)/g)]
      .map(match => join(file, '..', match[1] ?? ''))
      .filter(target => !existsSync(join(ROOT, target)))
      .map(target => `${file} -> ${target}`)
  )
  t.alike(broken, [])
})

function layerRules(): IForbiddenRuleType[] {
  return Object.entries(LAYERS).map(([name, { files, mayImport }]) => {
    const allowed = [
      files,
      '^lib/runtime\\.ts$',
      '^lib/untyped/',
      ...mayImport.map(layer => LAYERS[layer]?.files ?? '^$')
    ]
    return {
      name: `layer ${name}`,
      severity: 'error',
      from: { path: files },
      to: { path: '^(bin|lib|protocol)/', pathNot: allowed }
    }
  })
}

function doorRules(): IForbiddenRuleType[] {
  return Object.entries(DOORS).map(([name, door]) => ({
    name: `door of ${name}`,
    severity: 'error',
    from: { path: '^(bin|lib|protocol)/', pathNot: door },
    to: { path: `^node_modules/${name}/`, dependencyTypesNot: ['type-only'] }
  }))
}

function circles(): IForbiddenRuleType {
  return { name: 'circle', severity: 'error', from: {}, to: { circular: true } }
}

/** The members of `export type NAME = | 'A' | 'B'`. */
function unionIn(file: string, name: string): readonly string[] {
  const lines = read(file).split('\n')
  const begin = lines.findIndex(line => line.startsWith(`export type ${name} =`))
  const members: string[] = []
  for (const line of lines.slice(begin + 1)) {
    const member = /^ {2}\| '([^']+)'/.exec(line)?.[1]
    if (member === undefined) break
    members.push(member)
  }
  return members
}

/** `nodesRequest` and `Nodes request` are the same words. */
function wordsOf(text: string): string {
  return text.replace(/[^a-zA-Z]/g, '').toLowerCase()
}

function sourceFiles(): readonly string[] {
  return SOURCES.flatMap(directory =>
    readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
      .map(name => join(directory, name))
      .filter(file => file.endsWith('.ts') && statSync(join(ROOT, file)).isFile())
  )
}

function markdownFiles(): readonly string[] {
  const pages = (directory: string): string[] =>
    readdirSync(join(ROOT, directory))
      .filter(name => name.endsWith('.md'))
      .map(name => join(directory, name))
  return [...pages('.'), ...pages('docs'), ...pages('protocol')]
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}
