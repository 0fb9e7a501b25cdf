/** Bundles the client as one script for pages without a bundler, and puts it into a module, so that every runtime serves it. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The generated module. */
export const CLIENT_TARGET = `${ROOT}src/http/client-script.generated.ts`

/** Returns the script. */
export function bundleClient(): string {
  const flags = ['--bundle', '--minify', '--format=esm', '--target=es2022', '--legal-comments=none']
  return execFileSync(`${ROOT}node_modules/.bin/esbuild`, ['src/client/index.ts', ...flags], {
    cwd: ROOT,
    encoding: 'utf8',
  })
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
