/** Batches over several Durable Objects: lines are answered while they arrive, and refused ones are answered, too. */
import { request } from 'node:http'
import { afterAll, expect, test, vi } from 'vitest'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import { listen, postJson } from '../../support/client.ts'
import { hasData, publishedData } from '../../support/events.ts'
import { createWorkerStorage } from '../../support/worker/edge.ts'
import { openLines } from '../../system/behaviour/batching.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 })

const COUNT = 3
const NAMES = Array.from({ length: 9 }, (_, n) => `user-${n}`)

const disk = createWorkerStorage()
afterAll(disk.remove)

test('each line is published on the shards that it concerns, and answered before the next one', async () => {
  expect(new Set(NAMES.map((name) => shardOf(name, COUNT))).size).toBe(COUNT)
  const { url } = await disk.start({ HUB_SHARDS: `${COUNT}` })
  const listeners = await Promise.all(NAMES.map((name) => listen(url, `id=${name}&topic=news`)))
  const batch = openLines(`${url}/publish`)
  for (const [to, connections] of [
    ['everyone', 9],
    [{ client: NAMES.slice(0, 6) }, 6],
    [{ client: ['nobody', ...NAMES], topic: 'news' }, 9],
    [{ topic: 'news' }, 9],
  ] as const) {
    batch.write(`${JSON.stringify({ to, data: connections })}\n`)
    expect(await batch.next()).toMatchObject({ connections })
  }
  batch.write('no JSON\n')
  expect(await batch.next()).toMatchObject({ line: 5, status: 400 })
  batch.end()
  expect(await batch.next()).toBeUndefined()
  const events = [...NAMES, 'nobody'].map((client) => ({ to: { client }, data: 'own' }))
  const response = await postJson(url, '/publish', [...events, { to: 'everyone', data: 'end' }])
  expect(
    ((await response.json()) as { connections: number }[]).map((one) => one.connections),
  ).toEqual([...NAMES.map(() => 1), 0, 9])
  for (const [n, listener] of listeners.entries()) {
    await listener.next(hasData('end'))
    const expected = ['9', ...(n < 6 ? ['6'] : []), '9', '9', 'own', 'end']
    expect(publishedData(listener)).toEqual(expected)
    await listener.close()
  }
})

test.each(['application/json', 'application/x-ndjson'])(
  'a large batch that is refused is answered: %s',
  async (type) => {
    const environment = {
      HUB_SHARDS: `${COUNT}`,
      ALLOW_ANONYMOUS: '',
      PUBLISH_KEY: 'a-key-0123456789',
    }
    const { url } = await disk.start(environment)
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'Content-Type': type }
      const sent = request(`${url}/publish`, { method: 'POST', headers }, (response) => {
        resolve(response.statusCode)
        sent.destroy()
      })
      sent.once('error', reject)
      const lines = Array(30_000).fill('{"to":"everyone","data":"a line of some length"}')
      sent.end(type === 'application/json' ? `[${lines}]` : lines.join('\n'))
    })
    expect(status).toBe(401)
  },
)
