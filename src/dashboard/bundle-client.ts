/** Bundles the client as one script for pages without a bundler, and puts it into a module, so that every runtime serves it. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type CompressOptions, type MangleOptions, minify_sync } from 'terser'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The generated module. */
export const CLIENT_TARGET = `${ROOT}src/http/client-script.generated.ts`

/** What `hono-sse/client` exports, without the check of the options, which would add 700 bytes. */
const ENTRY = [
  "export { openClientStream as connect } from './client-stream.ts'",
  "export { typed } from './event-schema.ts'",
].join('\n')

/**
 * `unsafe` shortens calls of globals, which no page replaces, and `unsafe_methods` methods, which nothing
 * calls with `new`. Comparisons and statements stay as they are written: gzip finds more.
 */
const COMPRESS: CompressOptions = {
  passes: 2,
  unsafe: true,
  unsafe_methods: true,
  lhs_constants: false,
  sequences: false,
  hoist_vars: true,
}

/** Properties that only the client itself reads. */
const MANGLE: MangleOptions = {
  properties: { regex: /^(?:claim|heard|minMs)$/ },
}

/** Returns the script: a module. */
export function bundleClient(): string {
  const flags = ['--bundle', '--minify', '--format=esm', '--target=es2022', '--legal-comments=none']
  const esbuild = `${ROOT}node_modules/.bin/esbuild`
  const options = { cwd: `${ROOT}src/client`, input: ENTRY, encoding: 'utf8' } as const
  const bundle = execFileSync(esbuild, flags, options)
  const minify = { compress: { ...COMPRESS }, mangle: MANGLE }
  const { code } = minify_sync(bundle, { module: true, ecma: 2020, ...minify })
  return `${code}\n`
}

/** Returns the text of the module. */
export function clientModule(): string {
  const literal = bundleClient().replace(/[\\`]|\$\{/g, '\\$&')
  return `/** The client as one script, generated from src/client by \`npm run page\`. */\nexport const script: string = \`${literal}\`\n`
}

/** The bytes of the script when it is compressed. */
export function clientSize(): number {
  return gzipSync(bundleClient(), { level: 9 }).byteLength
}
