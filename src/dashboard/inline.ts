/**
 * Builds the dashboard as one document: puts styles and script into the page, and the page into a
 * module, so that it runs on every runtime. `npm run page` calls it.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HERE = join(ROOT, 'src/dashboard')

/** The generated module. */
export const TARGET: string = join(ROOT, 'src/http/dashboard.generated.ts')

/** A placeholder for empty lines: the compiler preserves comments, but not empty lines. */
const EMPTY = '\n// (empty)\n'

/** Returns the text of the module. */
export function inline(): string {
  const styles = `<style>\n${read('page.css')}</style>`
  const script = `<script type="module">\n${scriptOf(modules('page.ts'))}</script>`
  const page = read('index.html')
    .replace('<link rel="stylesheet" href="page.css">', () => styles)
    .replace('<script type="module" src="page.js"></script>', () => script)
  const literal = page.replace(/[\\`]|\$\{/g, '\\$&')
  return `/** The dashboard as one document, generated from src/dashboard by \`npm run page\`. */\nexport const document: string = \`${literal}\`\n`
}

/** Returns a module after all modules that it imports. */
function modules(name: string, known = new Set<string>()): Set<string> {
  for (const [, other = ''] of read(name).matchAll(/^(?:import|\}) .*from '\.\/(.+)'$/gm)) {
    if (!known.has(other)) modules(other, known)
  }
  return known.add(name)
}

/** Compiles the modules to one script. */
function scriptOf(names: Iterable<string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-page-'))
  try {
    for (const name of names) writeFileSync(join(folder, name), read(name).replace(/^$/gm, EMPTY))
    const emitting = { module: 'preserve', outDir: 'out', noEmit: false, noCheck: true }
    const compilerOptions = { rootDir: '.', ...emitting }
    const project = { extends: join(HERE, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
    run('tsc', ['-p', folder])
    return format([...names].map((name) => withoutImports(join(folder, 'out', name))).join(''))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Removes the imports and exports of a compiled module. */
function withoutImports(path: string): string {
  return readFileSync(path.replace(/ts$/, 'js'), 'utf8')
    .replace(/^import .*;\n/gm, '')
    .replace(/^export /gm, '')
    .replaceAll(EMPTY.trim(), '')
}

function format(script: string): string {
  return run('biome', ['format', '--stdin-file-path=page.js'], script)
}

function run(command: string, args: readonly string[], input = ''): string {
  const options = { cwd: ROOT, input, encoding: 'utf8' } as const
  return execFileSync(join(ROOT, 'node_modules/.bin', command), args, options)
}

function read(name: string): string {
  return readFileSync(join(HERE, name), 'utf8')
}
