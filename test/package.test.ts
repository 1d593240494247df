import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import test from 'brittle'

/** What `npm install backer` puts on a disk. Run from the repository's root. */
function packedFiles(): readonly string[] {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8', stdio: 'pipe' })
  ) as readonly { readonly files: readonly { readonly path: string }[] }[]
  return packed?.files.map(({ path }) => path) ?? []
}

test(
  'the package holds the command, the library, the page and the types of what they stand on',
  { timeout: 60_000 },
  t => {
    const files = new Set(packedFiles())
    for (const file of [
      'dist/bin/backer.js',
      'dist/lib/index.js',
      'dist/lib/index.d.ts',
      'dist/web/index.html',
      'README.md',
      'LICENSE'
    ])
      t.ok(files.has(file), file)
    t.absent(
      [...files].some(file => /(^|\/)(test|bench)\//.test(file)),
      'no tests'
    )
    const references = [...readFileSync('dist/lib/index.d.ts', 'utf8').matchAll(/<reference path="([^"]+)"/g)]
    t.ok(references.length > 0)
    for (const [, path = ''] of references)
      t.ok(files.has(normalize(join('dist/lib', path))), `${path} is in the package`)
    const page = readFileSync('dist/web/index.html', 'utf8')
    const assets = [...page.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, path = '']) => path)
    for (const asset of assets) t.ok(files.has(`dist/web/${asset}`) && existsSync(join('dist/web', asset)), asset)
  }
)
