/** Each export loads only the packages that it needs, so that an app does not load what only the server or the command uses. */
import { readFileSync } from 'node:fs'
import { build, type Metafile } from 'esbuild'
import { expect, test } from 'vitest'

const { exports, bin } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, unknown>
  bin: Record<string, string>
}

const HTTP = ['@hono/zod-validator', 'hono', 'hono-rate-limiter', 'zod']

/** What may be loaded by importing an export, in addition to the runtime's own modules. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '.': HTTP,
  './node': ['@hono/node-server', 'hono'],
  './serve': ['@hono/node-server', 'hono'],
  './worker': ['cloudflare:workers', ...HTTP, 'jose'],
  './client': ['eventsource-parser'],
  './react': ['eventsource-parser', 'react'],
  './redis': [],
  './sqlite': [],
  './journal': [],
  './compression': [],
  './webhooks': [],
  './opentelemetry': ['@opentelemetry/api', 'hono'],
}

test.each(Object.entries(exports).filter(([name]) => name !== './package.json'))(
  'importing %s loads no other package',
  async (name, target) => {
    for (const file of filesOf(target)) {
      const loaded = await packagesOf(file)
      expect(loaded.filter((one) => !PACKAGES[name]?.includes(one))).toEqual([])
    }
  },
)

test('the command loads no package before it can say that one is missing', async () => {
  expect(await packagesOf(sourceOf(bin['hono-sse'] ?? ''))).toEqual([])
})

/** The built files of an export, for each condition. */
function filesOf(target: unknown): string[] {
  if (typeof target === 'string') return target.endsWith('.js') ? [sourceOf(target)] : []
  return Object.values(target as object).flatMap(filesOf)
}

function sourceOf(built: string): string {
  return built.replace(/^(\.\/)?dist\/(.*)\.js$/, 'src/$2.ts')
}

/** The packages that importing a file loads at once; what it imports on demand does not count. */
async function packagesOf(file: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [file],
    bundle: true,
    packages: 'external',
    external: ['cloudflare:*'],
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'error',
  })
  const found = new Set<string>()
  walk(metafile.inputs, file, new Set(), found)
  return [...found].sort()
}

function walk(
  inputs: Metafile['inputs'],
  file: string,
  seen: Set<string>,
  found: Set<string>,
): void {
  if (seen.has(file)) return
  seen.add(file)
  for (const { path, kind, external } of inputs[file]?.imports ?? []) {
    if (kind === 'dynamic-import' || path.startsWith('node:')) continue
    if (!external) walk(inputs, path, seen, found)
    else found.add(path.split('/', path.startsWith('@') ? 2 : 1).join('/'))
  }
}
