/**
 * Builds the dashboard as one document: puts styles and script into the page, and the page into a
 * module, so that it runs on every runtime. `npm run page` calls it.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HERE = join(ROOT, 'src/dashboard')

/** The generated module. */
export const TARGET: string = join(ROOT, 'src/http/dashboard.generated.ts')

/** Returns the text of the module. */
export function inline(): string {
  const page = read('index.html')
    .replace(
      '<link rel="stylesheet" href="page.css">',
      () => `<style>${bundle('style/page.css')}</style>`,
    )
    .replace(
      '<script type="module" src="page.js"></script>',
      () => `<script type="module">${bundle('page.ts')}</script>`,
    )
  const literal = page.replace(/[\\`]|\$\{/g, '\\$&')
  return `/** The dashboard as one document, generated from src/dashboard by \`npm run page\`. */\nexport const document: string = \`${literal}\`\n`
}

/** Returns a script or a style with all that it imports: the page loads nothing else. */
function bundle(name: string): string {
  const flags = ['--bundle', '--minify', '--format=esm', '--target=es2022', '--legal-comments=none']
  return execFileSync(join(ROOT, 'node_modules/.bin/esbuild'), [join(HERE, name), ...flags], {
    cwd: ROOT,
    encoding: 'utf8',
  })
}

function read(name: string): string {
  return readFileSync(join(HERE, name), 'utf8')
}
