/** The receiver of the page on webhooks: what a hub tells it, and what it refuses. */
import { beforeAll, describe, expect, test } from 'vitest'
import { createWebhookSigner } from '../../../src/webhooks/signature.ts'
import { eventually } from '../../support/eventually.ts'
import type { Server } from '../../support/process.ts'
import { readEvents } from '../../support/reader.ts'
import { WEBHOOK_SECRET } from '../../support/webhook-receiver.ts'
import { blocksIn, textOf } from './document.ts'
import { compile, openSandbox, startRecipeHub } from './sandbox.ts'

const [receiverCode = ''] = blocksIn(textOf('docs/webhooks.md'))
  .filter(({ title }) => title === 'receiver.ts')
  .map(({ code }) => code)

describe('the receiver', () => {
  const sandbox = openSandbox(undefined, { 'receiver.ts': receiverCode })
  let receiver: Server
  beforeAll(async () => {
    await compile(sandbox)
    receiver = await sandbox.serve({ WEBHOOK_SECRET }, process.execPath, 'receiver.js')
  })

  const online = async () => (await (await fetch(`${receiver.url}/online`)).json()) as string[]

  test('knows who is online', async () => {
    const hub = await startRecipeHub({
      WEBHOOK_URL: `${receiver.url}/webhooks`,
      WEBHOOK_SECRET,
      OFFLINE_GRACE_SECONDS: '0.2',
    })
    const streams = await Promise.all(
      ['alice', 'bob'].map(async (client) =>
        readEvents(await fetch(`${hub.url}/sse?id=${client}`)),
      ),
    )
    await eventually(async () => expect((await online()).sort()).toEqual(['alice', 'bob']))
    await streams[0]?.close()
    await eventually(async () => expect(await online()).toEqual(['bob']))
    hub.signal('SIGTERM')
    expect(await hub.exit).toBe(0)
    expect(await online()).toEqual([])
  })

  test('ignores what is older than it knows, and refuses what is forged or recorded', async () => {
    const carol = (type: string, time: string) =>
      JSON.stringify({ type: `client.${type}`, timestamp: time, data: { client: 'carol' } })
    expect(await send(carol('online', '2026-11-29T21:00:00.002Z'))).toBe(204)
    expect(await send(carol('offline', '2026-11-29T21:00:00.001Z'))).toBe(204)
    expect(await online()).toEqual(['carol'])
    const latest = carol('offline', '2026-11-29T21:00:00.003Z')
    expect(await send(latest, { secret: `whsec_${btoa('another-secret-0123456789')}` })).toBe(401)
    expect(await send(latest, { ageSeconds: 600 })).toBe(401)
    expect(await online()).toEqual(['carol'])
    expect(await send(latest)).toBe(204)
    expect(await online()).toEqual([])
  })

  test('takes a batch apart', async () => {
    const event = (type: string, client: string) => {
      return { type: `client.${type}`, timestamp: '2026-11-29T22:00:00.000Z', data: { client } }
    }
    const events = [event('online', 'dave'), event('online', 'erin'), event('offline', 'dave')]
    expect(await send(JSON.stringify({ type: 'batch', data: { events } }))).toBe(204)
    expect(await online()).toEqual(['erin'])
  })

  async function send(
    body: string,
    { secret = WEBHOOK_SECRET, ageSeconds = 0 } = {},
  ): Promise<number> {
    const timestamp = Math.floor(Date.now() / 1_000) - ageSeconds
    const signature = await createWebhookSigner([secret]).sign({ id: 'msg_1', timestamp, body })
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signature,
    }
    const answer = await fetch(`${receiver.url}/webhooks`, { method: 'POST', headers, body })
    return answer.status
  }
})
