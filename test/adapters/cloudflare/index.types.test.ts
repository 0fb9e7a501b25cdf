/** A Worker of one's own compiles with the types that wrangler generates from its configuration. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { ROOT } from '../../support/process.ts'
import { blocksIn, textOf } from '../../system/docs/document.ts'

const WORKER = `
import { Hono } from 'hono'
import { Hub, hubOf } from 'hono-sse/worker'

export { Hub }

const app = new Hono<{ Bindings: Env }>()
app.get('/events', (c) => hubOf(c.env).open(c.req.raw, { client: 'alice' }))
app.post('/ask', async (c) => {
  const { body } = await fetch('https://model.example')
  const result = await hubOf(c.env).pipe({ client: 'alice' }, body ?? [], { key: 'answer' })
  const { stopped } = await hubOf(c.env).stop('alice', 'answer')
  return c.json({ ...result, stopped })
})
app.post('/direct', async (c) => {
  const object = c.env.HUB.get(c.env.HUB.idFromName('hub'))
  const { id } = await object.publish({ client: 'alice' }, { data: 1 })
  const { disconnected } = await object.disconnect('alice', 1_000)
  const permit: string = await object.permit({ client: 'alice' })
  // @ts-expect-error: there is no such method
  await object.nothing()
  return c.json({ id, disconnected, permit })
})
export default app
`

const COMPILER_OPTIONS = {
  strict: true,
  noEmit: true,
  module: 'esnext',
  moduleResolution: 'bundler',
  target: 'es2022',
  lib: ['es2022'],
  types: ['./worker-configuration.d.ts'],
}

test('a Worker of one’s own may use its Hub as wrangler types it', () => {
  // Beside the modules that it imports.
  const folder = `${ROOT}/coverage/worker-types`
  mkdirSync(folder, { recursive: true })
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const blocks = blocksIn(textOf('docs/cloudflare.md'))
  const config = blocks.find(({ language }) => language === 'toml')?.code ?? ''
  writeFileSync(`${folder}/wrangler.toml`, config)
  writeFileSync(`${folder}/worker.ts`, WORKER)
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions: COMPILER_OPTIONS }))
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1' }
  const run = (name: string, ...args: string[]) =>
    execFileSync(`${ROOT}/node_modules/.bin/${name}`, args, { cwd: folder, env, encoding: 'utf8' })
  expect(run('wrangler', 'types')).toContain('worker-configuration.d.ts')
  expect(run('tsc', '-p', '.')).toBe('')
})
