/** `npm run dev` and its siblings: each runs the hub from its sources, and again after a change. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { type Process, ROOT, startProcess } from '../../support/process.ts'

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

const folder = mkdtempSync(join(tmpdir(), 'hono-sse-dev-'))
const started: Process[] = []
afterAll(async () => {
  for (const one of started) await one.kill()
  rmSync(folder, { recursive: true })
})

/** A copy of the sources, so that no other test sees the edit. */
for (const name of ['src', 'package.json', 'tsconfig.json', 'wrangler.toml', 'dev.mjs']) {
  cpSync(join(ROOT, name), join(folder, name), { recursive: true })
}
symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))

test.each([
  ['dev', ''],
  ['dev:bun', ''],
  ['dev:deno', ''],
  // The proxy of wrangler has its own ports.
  ['dev:worker', ' --inspector-port 0 --port "$PORT"'],
])('npm run %s serves without a key, and serves an edit of a file', async (name, flags) => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const script = `cd '${folder}' && export PATH="$PWD/node_modules/.bin:$PATH" && exec ${scripts[name]}${flags}`
  const hub = startProcess({ file: 'bash', args: ['-c', script] }, { PORT: `${port}`, CI: '1' })
  started.push(hub)
  await eventually(async () => expect(await broadcast(url)).toBe(200))
  const file = join(folder, 'src/http/app.ts')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace("c.text('ok', 200)", `c.text('${name}' as 'ok', 200)`))
  try {
    const health = async () => (await fetch(`${url}/healthz`)).text()
    await eventually(async () => expect(await health()).toBe(name))
  } finally {
    writeFileSync(file, text)
  }
  await hub.kill()
})

async function broadcast(url: string): Promise<number> {
  return (await fetch(`${url}/broadcast`, { method: 'POST', body: 'hello' })).status
}
