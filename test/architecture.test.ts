/** The source tree keeps its rules, and each rule reports a violation. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Sources, violations } from './support/architecture.ts'

const ROOT = new URL('../', import.meta.url)

/** Made by `npm run page` of files that keep the rules. */
const GENERATED = '.generated.ts'

function readSources(): Sources {
  const paths = readdirSync(new URL('src', ROOT), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith(GENERATED))
    .map((path) => `src/${path.replaceAll('\\', '/')}`)
  return Object.fromEntries(paths.map((path) => [path, readFileSync(new URL(path, ROOT), 'utf8')]))
}

const file = (code: string) => `/** A file. */\n${code}\n`

test('the source files keep every rule', () => {
  const sources = readSources()
  expect(Object.keys(sources)).toContain('src/hub/hub.ts')
  expect(violations(sources)).toEqual([])
})

describe('a violation is reported when', () => {
  test.each<[string, Sources, RegExp]>([
    [
      'the hub imports from http',
      { 'src/hub/hub.ts': file(`import { app } from '../http/app.ts'`) },
      /hub\.ts must not import src\/http\/app\.ts/,
    ],
    [
      'http imports from the server',
      { 'src/http/app.ts': file(`import type { Config } from '../server/config.ts'`) },
      /app\.ts must not import/,
    ],
    [
      'a stream imports from the server',
      { 'src/http/web-stream.ts': file(`export * from '../server/run.ts'`) },
      /web-stream\.ts must not import/,
    ],
    [
      'the server imports an entry point',
      { 'src/server/run.ts': file(`const node = await import('../node.ts')`) },
      /run\.ts must not import/,
    ],
    [
      'an entry point imports another',
      { 'src/bun.ts': file(`import './node.ts'`) },
      /bun\.ts must not import src\/node\.ts/,
    ],
    [
      'an adapter imports another',
      { 'src/adapters/bun/index.ts': file(`import { nodeAdapter } from '../node/adapter.ts'`) },
      /index\.ts must not import src\/adapters\/node\/adapter\.ts/,
    ],
    [
      'an adapter imports the command',
      { 'src/adapters/node/adapter.ts': file(`import { greet } from '../../cli/banner.ts'`) },
      /adapter\.ts must not import/,
    ],
    [
      'the command imports the hub',
      { 'src/cli/serve.ts': file(`import { createHub } from '../hub/hub.ts'`) },
      /serve\.ts must not import/,
    ],
    [
      'the library’s index imports the server',
      { 'src/index.ts': file(`export { compose } from './server/compose.ts'`) },
      /index\.ts must not import/,
    ],
    [
      'http imports a journal’s implementation',
      { 'src/http/app.ts': file(`import { a } from '../journal/redis/journal.ts'`) },
      /app\.ts must not import/,
    ],
    [
      'a journal imports from http',
      { 'src/journal/redis/journal.ts': file(`import { a } from '../../http/app.ts'`) },
      /journal\.ts must not import/,
    ],
    [
      'the hub imports the Redis journal',
      { 'src/hub/hub.ts': file(`import { a } from '../journal/redis/journal.ts'`) },
      /hub\.ts must not import/,
    ],
    [
      'the hub imports the SQLite journal',
      { 'src/hub/hub.ts': file(`import type { A } from '../journal/sqlite/journal.ts'`) },
      /hub\.ts must not import/,
    ],
    [
      'a journal imports another',
      { 'src/journal/redis/journal.ts': file(`import { a } from '../memory/store.ts'`) },
      /journal\.ts must not import/,
    ],
    [
      'the core imports the journal',
      { 'src/core/cursor.ts': file(`import type { A } from '../journal/journal.ts'`) },
      /cursor\.ts must not import/,
    ],
    [
      'a folder has too many files',
      Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`src/hub/${n}.ts`, file('')])),
      /src\/hub has 16 files/,
    ],
    [
      'http imports code for browsers',
      { 'src/http/dashboard.ts': file(`import { at } from '../dashboard/elements.ts'`) },
      /dashboard\.ts must not import/,
    ],
    [
      'code for browsers imports the hub',
      { 'src/dashboard/page.ts': file(`import type { Hub } from '../hub/hub.ts'`) },
      /page\.ts must not import/,
    ],
    [
      'a folder belongs to no part',
      { 'src/hub/hub.ts': file(`import { a } from '../utils/a.ts'`) },
      /hub\.ts must not import src\/utils\/a\.ts/,
    ],
    [
      'the command imports more than types from http',
      { 'src/cli/remote.ts': file(`import { createApp } from '../http/app.ts'`) },
      /may import only types/,
    ],
    [
      'the hub imports a package',
      { 'src/hub/hub.ts': file(`import type { z } from 'zod'`) },
      /imports a package: zod/,
    ],
    [
      'imports form a cycle',
      {
        'src/hub/a.ts': file(`import { b } from './b.ts'`),
        'src/hub/b.ts': file(`import { c } from './c.ts'`),
        'src/hub/c.ts': file(`import {\n  type A,\n  a,\n} from './a.ts'`),
      },
      /a circle: .*a\.ts → .*b\.ts → .*c\.ts → .*a\.ts/,
    ],
    [
      'http uses the process',
      { 'src/http/app.ts': file('const port = process.env.PORT') },
      /touches the runtime: process/,
    ],
    [
      'a template uses the process',
      { 'src/http/app.ts': file(`const port = \`\${process.env.PORT}\``) },
      /touches the runtime: process/,
    ],
    [
      'the hub uses Bun',
      { 'src/hub/a.ts': file('/\\/\\*/.test("/*"); Bun.gc(true)') },
      /touches the runtime: Bun\./,
    ],
    [
      'a journal uses Deno',
      { 'src/journal/a.ts': file('await Deno.openKv()') },
      /touches the runtime: Deno\./,
    ],
    [
      'http imports a module of Node',
      { 'src/http/a.ts': file(`import type { Server } from 'node:http'`) },
      /touches the runtime: node:http/,
    ],
    [
      'a journal imports a module of Cloudflare',
      { 'src/journal/sqlite/a.ts': file(`import { DurableObject } from 'cloudflare:workers'`) },
      /touches the runtime: cloudflare:workers/,
    ],
    [
      'the hub reads the machine’s time',
      { 'src/hub/a.ts': file('const now = Date.now()') },
      /touches time: Date/,
    ],
    [
      'http sets a timer',
      { 'src/http/a.ts': file('setTimeout(() => {}, 1)') },
      /touches time: setTimeout/,
    ],
    ['a file has no opening comment', { 'src/hub/a.ts': 'export {}\n' }, /without a doc comment/],
    ['a file is too long', { 'src/hub/a.ts': file(`${'\n'.repeat(249)}export {}`) }, /251 lines/],
  ])('%s', (_, sources, message) => {
    expect(violations(sources)).toEqual([expect.stringMatching(message)])
  })

  test('no violation is reported for comments, quotes and names', () => {
    const code = `// process.exit, Date.now() and import { a } from '../http/app.ts'
      /* Bun.serve and setTimeout */
      const words = ['process', "Deno.serve", \`new Date: \${1}\`, /'/.source] // don't
      export const inProcess = { process: 1 }.process
      export const expiryDate = 'it' // isn't`
    expect(violations({ 'src/hub/a.ts': file(code) })).toEqual([])
  })

  test('no violation is reported when adapters, server and entry points use their runtime', () => {
    const touching = `import { a } from 'node:http'\nprocess.exit(1)\nsetTimeout(a, 1)`
    const sources = {
      'src/node.ts': `#!/usr/bin/env node\n${file(`import './adapters/node/adapter.ts'\n${touching}`)}`,
      'src/adapters/node/adapter.ts': file(`import '../../server/run.ts'\n${touching}`),
      'src/server/run.ts': file(`import '../journal/redis/a.ts'\n${touching}`),
      'src/http/a.ts': file(`import { b } from '../hub/b.ts'`),
      'src/journal/redis/a.ts': file(`import { b } from '../../core/b.ts'`),
      'src/hub/b.ts': file('export const b = 1'),
      'src/core/b.ts': file('export const b = 1'),
    }
    expect(violations(sources)).toEqual([])
  })
})
