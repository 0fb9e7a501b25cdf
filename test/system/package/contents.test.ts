/** The package holds what is needed and nothing else, and is what it says it is. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { manifest, PACK_MS, pack, ROOT, runFile, type Tarball } from './tarball.ts'

let tarball: Tarball
beforeAll(async () => {
  tarball = await pack()
}, PACK_MS)
afterAll(() => tarball.remove())

test('the package contains the build and the documentation', () => {
  const expected = [
    ...['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'],
    ...pagesOf('docs'),
    ...pagesOf('docs/recipes'),
  ]
  expect(tarball.files.filter((file) => !file.startsWith('dist/'))).toEqual(expected.sort())
})

/** The pages in a folder of the documentation, without pictures. */
function pagesOf(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'))
  return names.map((name) => `${folder}/${name}`)
}

test('every built file is code or types, and has a source file', () => {
  const built = tarball.files.filter((file) => file.startsWith('dist/'))
  const sources = built.map((file) => file.replace(/^dist\/(.*?)(?:\.d\.ts|\.js)$/, 'src/$1.ts'))
  expect(sources.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
  expect(built.filter((file) => /\/(test|page|bench)\//.test(file))).toEqual([])
})

test('every exported file is in the package', () => {
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  )
  const wanted = [...targets, ...Object.values(manifest.bin)].map((path) => path.replace('./', ''))
  expect(wanted.filter((path) => !tarball.files.includes(path))).toEqual([])
})

test('the package contains the declarations that its exports lead to, and no others', () => {
  const reached = new Set<string>()
  const follow = (file: string) => {
    if (reached.has(file)) return
    reached.add(file)
    const path = join(tarball.folder, file)
    const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
    for (const [, to = ''] of text.matchAll(/(?:from|import|[(=]) ?['"](\.[^'"]+)['"]/g)) {
      follow(join(dirname(file), to.replace(/(?<!\.d)\.[jt]s$/, '.d.ts')))
    }
  }
  const targets = Object.values(manifest.exports).flatMap((target) => Object.values(target))
  for (const target of targets) if (target.endsWith('.d.ts')) follow(join(target))
  const packed = tarball.files.filter((file) => file.endsWith('.d.ts'))
  expect(packed.length).toBeGreaterThan(100)
  expect([...reached].sort()).toEqual(packed)
})

test('the command can be run by a shell', () => {
  const code = readFileSync(join(tarball.folder, manifest.bin['hono-sse'] ?? ''), 'utf8')
  expect(code).toMatch(/^#!\/usr\/bin\/env node\n/)
})

test('built files import only the packages that the package depends on', () => {
  const seen = tarball.files
    .filter((file) => file.startsWith('dist/'))
    .flatMap((file) => [
      ...readFileSync(join(tarball.folder, file), 'utf8').matchAll(
        /(?:^|\n)(?:import|export)[^'"`;]*?from ['"]([^.'"][^'"]*)['"]|\bimport\(['"]([^.'"][^'"]*)['"]/g,
      ),
    ])
    .map(([, named, dynamic]) => named ?? dynamic ?? '')
    .filter((name) => !/^(?:node|cloudflare):/.test(name))
    .map((name) => (name.startsWith('@') ? name.split('/', 2).join('/') : name.split('/')[0]))
  const { dependencies, optionalDependencies, peerDependencies } = manifest
  const known = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
  expect([...new Set(seen)].sort()).toEqual(known.sort())
})

test('the oldest Hono that apps may use is the one that CI tests', () => {
  const { devDependencies, peerDependencies } = manifest
  expect(devDependencies?.['hono-lowest']).toBe(
    `npm:hono@${peerDependencies?.hono?.replace('^', '')}`,
  )
})

test.each([
  ['publint', ['--strict']],
  ['attw', ['--profile', 'esm-only', '--no-color', '--no-emoji']],
])(
  '%s reports no problem',
  async (tool, flags) => {
    const said = runFile(join(ROOT, 'node_modules/.bin', tool), [tarball.file, ...flags])
    await expect(said).resolves.toBeDefined()
  },
  PACK_MS,
)

test(
  'JSR accepts the package',
  async () => {
    // Types are checked elsewhere: here it is whether those of the interface can be read off.
    const flags = ['publish', '--dry-run', '--allow-dirty', '--no-check', '--config', 'jsr.json']
    const said = runFile(join(ROOT, 'node_modules/.bin/deno'), flags, { cwd: ROOT })
    await expect(said).resolves.toMatchObject({
      stderr: expect.stringContaining('Dry run complete'),
    })
  },
  PACK_MS,
)

test('jsr.json has the same version and the same entries', () => {
  const jsr = JSON.parse(readFileSync(join(ROOT, 'jsr.json'), 'utf8')) as {
    version: string
    exports: Record<string, string>
  }
  const entries = Object.entries(manifest.exports).flatMap(([name, target]) => {
    if (typeof target === 'string') return []
    // JSR has no conditions: Deno is the runtime that it is used on most.
    const file = target.default ?? target.deno ?? ''
    return [[name, file.replace(/^\.\/dist\/(.*)\.js$/, './src/$1.ts')]]
  })
  expect(jsr).toMatchObject({ version: manifest.version, exports: Object.fromEntries(entries) })
})
