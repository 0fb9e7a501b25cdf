/** A server that is written as a reader would, with `hono-sse/serve`, on each runtime. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { type Command, ROOT, type Server, startServer } from './process.ts'

const bin = (name: string) => join(ROOT, 'node_modules/.bin', name)

/** The name of each runtime, its program, and the arguments before the script. */
export const SCRIPT_RUNTIMES: readonly [string, string, string[]][] = [
  ['Node', process.execPath, []],
  ['Bun', bin('bun'), ['run']],
  ['Deno', bin('deno'), ['run', '-A']],
]

/** Starts a script whose call of `serve` has these options, on a free port. `rest` follows it. */
export type StartScript = (
  runtime: (typeof SCRIPT_RUNTIMES)[number],
  options: string,
  rest?: string,
  wrap?: (command: Command) => Command,
) => Promise<Server>

/** Prepares a folder for scripts, before the suite. */
export function openScripts(): StartScript {
  let folder = ''
  let files = 0
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hono-sse-serve-'))
    mkdirSync(join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    symlinkSync(ROOT, join(folder, 'node_modules/hono-sse'))
    symlinkSync(join(ROOT, 'node_modules/hono'), join(folder, 'node_modules/hono'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  return async ([, file, args], options, rest = '', wrap = (command) => command) => {
    const path = join(folder, `${files++}.js`)
    writeFileSync(
      path,
      `import { closeSync, openSync } from 'node:fs'
      import { createApp, createHub } from 'hono-sse'
      import { serve } from 'hono-sse/serve'
      import { Hono } from 'hono'
      const hub = createHub()
      const app = new Hono().route('/', createApp({ hub, access: 'anyone' }))
      app.get('/endless', () => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(9)) })))
      app.get('/broken', () => { throw 'no error, but text' })
      const server = await serve(app, { port: 0, ${options} })
      console.log(JSON.stringify({ message: 'listening', url: server.url }))
      ${rest}`,
    )
    const server = await startServer(wrap({ file, args: [...args, path] }), {})
    onTestFinished(server.kill)
    return server
  }
}
