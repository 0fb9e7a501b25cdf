/** Webhooks at a receiver: what arrives, how often, and in what order, when it answers, fails or is silent. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createWebhooks, type Webhooks } from '../../src/webhooks/webhooks.ts'
import { manualClock } from '../support/clock.ts'
import { eventually, until } from '../support/eventually.ts'
import {
  startWebhookReceiver,
  WEBHOOK_SECRET,
  type WebhookReceiver,
} from '../support/webhook-receiver.ts'

let clock = manualClock()
let receiver: WebhookReceiver
let webhooks: Webhooks
let said: string[] = []

beforeEach(async () => {
  clock = manualClock(Date.now())
  receiver = await startWebhookReceiver()
  said = []
  webhooks = create()
})

afterEach(async () => {
  const closed = webhooks.close(0)
  await clock.advance(1)
  await closed
  await receiver.close()
  await eventually(() => expect(clock.timers).toBe(0))
})

function create(options: { url?: string; maxWaiting?: number; maxBatch?: number } = {}): Webhooks {
  return createWebhooks({
    url: receiver.url,
    secret: WEBHOOK_SECRET,
    clock,
    random: () => 1,
    observer: {
      failed: ({ message }) => said.push(message),
      recovered: () => said.push('recovered'),
      dropped: (count, reason) => said.push(`dropped ${count}: ${reason}`),
    },
    ...options,
  })
}

const online = (client: string) => void webhooks.hooks.onClientOnline(client, clock.now())
const offline = (client: string) => void webhooks.hooks.onClientOffline(client, clock.now())
const delivered = (count: number) =>
  eventually(() => expect(webhooks.stats).toMatchObject({ delivered: count, waiting: 0 }))
const failed = (count: number) =>
  eventually(() => expect(said.filter((line) => line !== 'recovered')).toHaveLength(count))

describe('a receiver', () => {
  test('is told who comes online and goes offline, when, and in a form that its package accepts', async () => {
    online('alice')
    await delivered(1)
    await clock.advance(1_500)
    offline('alice')
    await delivered(2)
    const [first, second] = receiver.received
    expect(first).toMatchObject({ type: 'client.online', client: 'alice' })
    expect(second).toMatchObject({ type: 'client.offline', client: 'alice' })
    expect(Date.parse(first?.timestamp ?? '')).toBe(clock.now() - 1_500)
    expect(Date.parse(second?.timestamp ?? '')).toBe(clock.now())
    expect(first?.id).toMatch(/^msg_[\w-]{36}_\d+$/)
    expect(second?.id).not.toBe(first?.id)
    expect([receiver.forged, said]).toEqual([0, []])
  })

  test('is sent up to 16 requests at a time, and never two about one client', async () => {
    const held: (() => void)[] = []
    receiver.answer = (response) => void held.push(() => response.writeHead(200).end('thanks'))
    online('alice')
    await until('alice', () => held.length === 1)
    offline('alice')
    for (let n = 0; n < 20; n++) online(`client-${n}`)
    await until('all that may be sent', () => held.length === 16)
    expect(receiver.events.filter((event) => event.startsWith('alice'))).toEqual(['alice online'])
    receiver.answer = (response) => void response.writeHead(200).end()
    for (const answer of held) answer()
    await delivered(22)
    expect(receiver.events.filter((event) => event.startsWith('alice'))).toEqual([
      'alice online',
      'alice offline',
    ])
  })

  test('that answers with a long body, or one that never ends, has accepted the webhook', async () => {
    receiver.answer = (response, { client }) => {
      if (client === 'alice') response.writeHead(200).end('x'.repeat(1_000_000))
      else response.writeHead(200).write('x')
    }
    online('alice')
    await delivered(1)
    online('bob')
    await until('bob has arrived', () => receiver.received.length === 2)
    await clock.advance(10_000)
    await delivered(2)
    expect(said).toEqual([])
  })
})

describe('a webhook that fails', () => {
  test('is sent again with the same id and body after 1, 2, 4 … 60 seconds', async () => {
    receiver.answer = (response) => void response.writeHead(500).end()
    online('alice')
    for (const [n, seconds] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
      await failed(n + 1)
      await clock.advance(seconds * 1_000 - 1)
      expect(receiver.received).toHaveLength(n + 1)
      await clock.advance(1)
      // The package accepts no timestamp that is more than five minutes ahead.
      await until('the next attempt', () => receiver.received.length + receiver.forged === n + 2)
    }
    expect(new Set(receiver.received.map(({ id, timestamp }) => id + timestamp)).size).toBe(1)
    expect(webhooks.stats).toMatchObject({ retries: 8, waiting: 1, delivered: 0 })
  })

  test.each([301, 302, 400, 401, 404, 408, 429, 500, 503])(
    'because of a %i is sent again, and a redirect is not followed',
    async (status) => {
      receiver.answer = (response) =>
        void response.writeHead(status, { Location: receiver.url }).end()
      online('alice')
      await failed(1)
      receiver.answer = (response) => void response.writeHead(200).end()
      await clock.advance(1_000)
      await delivered(1)
      expect(receiver.events).toEqual(['alice online', 'alice online'])
      expect(said).toEqual([`the receiver answered ${status}`, 'recovered'])
    },
  )

  test('because nobody listens is sent again, and neither the URL nor the secret is reported', async () => {
    await receiver.close()
    online('alice')
    await failed(1)
    expect(said[0]).toContain('ECONNREFUSED')
    expect(said[0]).not.toMatch(/http|in-the-url|whsec/)
    receiver = await startWebhookReceiver()
  })

  test('because the receiver is silent ends after ten seconds, and is sent again', async () => {
    receiver.answer = () => {}
    online('alice')
    await until('it has arrived', () => receiver.received.length === 1)
    await clock.advance(10_000)
    await failed(1)
    expect(said).toEqual(['no answer within 10 s'])
    receiver.answer = (response) => void response.writeHead(200).end()
    await clock.advance(1_000)
    await delivered(1)
  })

  test('is dropped after an hour', async () => {
    await receiver.close()
    online('alice')
    await failed(1)
    for (let minute = 0; minute < 61; minute++) {
      const before = said.length
      await clock.advance(60_000)
      await until('the next failure', () => said.length > before || webhooks.stats.waiting === 0)
    }
    expect(said.at(-1)).toBe('dropped 1: expired')
    expect(webhooks.stats).toMatchObject({ waiting: 0, dropped: 1 })
    expect(clock.timers).toBeLessThanOrEqual(1)
    receiver = await startWebhookReceiver()
  })

  test('makes the others wait: one request at a time asks whether the receiver is back', async () => {
    receiver.answer = (response) => void response.writeHead(503).end()
    for (let n = 0; n < 100; n++) online(`client-${n}`)
    await failed(16)
    await clock.advance(999)
    expect(receiver.received).toHaveLength(16)
    await clock.advance(1)
    await failed(17)
    await clock.advance(1_999)
    expect(receiver.received).toHaveLength(17)
    receiver.answer = (response) => void response.writeHead(200).end()
    await clock.advance(1)
    await eventually(async () => {
      await clock.advance(1_000)
      expect(webhooks.stats).toMatchObject({ delivered: 100, waiting: 0 })
    })
    expect(said.filter((line) => line === 'recovered')).toHaveLength(1)
  })

  test('for one client does not hold up the others', async () => {
    receiver.answer = (response, { client }) =>
      void response.writeHead(client.startsWith('bad') ? 404 : 200).end()
    for (let n = 0; n < 200; n++) online(n % 4 === 0 ? `bad-${n}` : `good-${n}`)
    await eventually(async () => {
      await clock.advance(100)
      expect(webhooks.stats).toMatchObject({ delivered: 150, waiting: 50 })
    })
  })

  test.each([
    ['120', 120_000],
    ['86400', 600_000],
    ['soon', 1_000],
  ])('with Retry-After %s is sent again after %i ms, and others wait, too', async (value, ms) => {
    receiver.answer = (response) => void response.writeHead(429, { 'Retry-After': value }).end()
    online('alice')
    await failed(1)
    online('bob')
    await clock.advance(ms - 1)
    expect(receiver.received).toHaveLength(1)
    await clock.advance(1)
    await until('the next attempt', () => receiver.received.length + receiver.forged > 1)
  })

  test('with several Retry-After is sent again after the longest', async () => {
    receiver.answer = (response, { client }) =>
      void response.writeHead(503, { 'Retry-After': client === 'alice' ? '100' : '10' }).end()
    const held: (() => void)[] = []
    const { answer } = receiver
    receiver.answer = (...args) => void held.push(() => answer(...args))
    online('alice')
    await until('alice', () => held.length === 1)
    online('bob')
    await until('bob', () => held.length === 2)
    held[0]?.()
    await failed(1)
    held[1]?.()
    await failed(2)
    await clock.advance(99_999)
    expect(held).toHaveLength(2)
    await clock.advance(1)
    await until('the next attempt', () => held.length === 3)
  })

  test('with a date as Retry-After is sent again after it', async () => {
    const date = new Date(clock.now() + 60_000).toUTCString()
    receiver.answer = (response) => void response.writeHead(503, { 'Retry-After': date }).end()
    online('alice')
    await failed(1)
    await clock.advance(58_000)
    expect(receiver.received).toHaveLength(1)
    await clock.advance(2_000)
    await until('the next attempt', () => receiver.received.length === 2)
  })
})

describe('batches', () => {
  const clients = (count: number) => Array.from({ length: count }, (_, n) => `client-${n}`)

  test('carry what waits while all requests are under way', async () => {
    webhooks = create({ maxBatch: 10 })
    const held: (() => void)[] = []
    receiver.answer = (response) => void held.push(() => response.writeHead(200).end())
    for (const client of clients(16 + 25)) online(client)
    await until('all that may be sent', () => held.length === 16)
    expect(receiver.received.every(({ batch }) => batch === undefined)).toBe(true)
    receiver.answer = (response) => void response.writeHead(200).end()
    for (const answer of held) answer()
    await delivered(41)
    const batches = receiver.received.slice(16)
    expect(batches.map(({ batch }) => batch?.length).sort()).toEqual([10, 10, 5])
    expect(new Set(batches.map(({ type }) => type))).toEqual(new Set(['batch']))
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(19)
    expect([...receiver.events].sort()).toEqual(
      clients(41)
        .map((client) => `${client} online`)
        .sort(),
    )
    expect(receiver.forged).toBe(0)
  })

  test('name each event by the id that it has alone', async () => {
    const bodies: string[] = []
    const held: (() => void)[] = []
    webhooks = createWebhooks({
      url: receiver.url,
      secret: WEBHOOK_SECRET,
      clock,
      maxBatch: 2,
      fetch: async (_, { body }) => {
        bodies.push(`${body}`)
        await new Promise<void>((resolve) => held.push(resolve))
        return new Response()
      },
    })
    for (const client of clients(16)) online(client)
    await until('all that may be sent', () => bodies.length === 16)
    online('alice')
    offline('bob')
    for (const answer of held) answer()
    await until('the batch', () => bodies.length === 17)
    held.at(-1)?.()
    const { timestamp, ...batch } = JSON.parse(bodies[16] ?? '')
    const id = expect.stringMatching(/^msg_[\w-]{36}_\d+$/)
    expect(batch).toEqual({
      type: 'batch',
      data: {
        events: [
          { id, type: 'client.online', timestamp, data: { client: 'alice' } },
          { id, type: 'client.offline', timestamp, data: { client: 'bob' } },
        ],
      },
    })
  })

  test('that fail are sent again one by one, so that a refused event holds up no other', async () => {
    webhooks = create({ maxBatch: 50 })
    receiver.answer = (response, { client, batch }) => {
      const isRefused = client === 'client-30' || batch?.includes('client-30 online')
      response.writeHead(isRefused ? 400 : 200).end()
    }
    for (const client of clients(40)) online(client)
    await eventually(async () => {
      await clock.advance(1_000)
      expect(webhooks.stats).toMatchObject({ delivered: 39, waiting: 1 })
    })
    expect(said.every((line) => /400|recovered/.test(line))).toBe(true)
  })
})

describe('what is not delivered yet', () => {
  test('is replaced by what happens later: the receiver learns the latest, once', async () => {
    receiver.answer = (response) => void response.writeHead(500).end()
    online('alice')
    await failed(1)
    offline('alice')
    online('alice')
    offline('alice')
    receiver.answer = (response) => void response.writeHead(200).end()
    await clock.advance(1_000)
    await delivered(1)
    await clock.advance(60_000)
    expect(receiver.events).toEqual(['alice online', 'alice offline'])
    expect(webhooks.stats).toMatchObject({ delivered: 1, replaced: 3, waiting: 0 })
  })

  test('is replaced also while it is being sent and then fails', async () => {
    let fail = () => {}
    receiver.answer = (response) => {
      fail = () => response.writeHead(500).end()
    }
    online('alice')
    await until('it has arrived', () => receiver.received.length === 1)
    offline('alice')
    receiver.answer = (response) => void response.writeHead(200).end()
    fail()
    await failed(1)
    await clock.advance(1_000)
    await delivered(1)
    expect(receiver.events).toEqual(['alice online', 'alice offline'])
    expect(webhooks.stats).toMatchObject({ replaced: 1, retries: 0 })
  })

  test('is bounded: the oldest are dropped', async () => {
    webhooks = create({ maxWaiting: 10 })
    receiver.answer = (response) => void response.writeHead(500).end()
    online('first')
    await failed(1)
    for (let n = 0; n < 100; n++) online(`client-${n}`)
    for (let n = 95; n < 100; n++) offline(`client-${n}`)
    expect(webhooks.stats).toMatchObject({ waiting: 10, dropped: 91, replaced: 5 })
    expect(said.filter((line) => line === 'dropped 1: full')).toHaveLength(91)
    receiver.answer = (response) => void response.writeHead(200).end()
    await clock.advance(1_000)
    await delivered(10)
    expect(receiver.events.slice(1).sort()).toEqual(
      Array.from({ length: 10 }, (_, n) => `client-${90 + n} ${n < 5 ? 'online' : 'offline'}`),
    )
  })

  test('has times that never go back, even if the clock does', async () => {
    void webhooks.hooks.onClientOnline('alice')
    await delivered(1)
    clock.moveWallTime(-60_000)
    void webhooks.hooks.onClientOffline('alice')
    await delivered(2)
    const [first, second] = receiver.received
    expect(second?.timestamp).toBe(first?.timestamp)
  })
})

test('a report keeps its time, also after a later one about another client', async () => {
  const at = clock.now() - 15_000
  online('bob')
  void webhooks.hooks.onClientOffline('alice', at)
  await delivered(2)
  const alice = receiver.received.find(({ client }) => client === 'alice')
  expect(Date.parse(alice?.timestamp ?? '')).toBe(at)
})

describe('after a 410', () => {
  test('nothing is sent any more', async () => {
    receiver.answer = (response) => void response.writeHead(410).end()
    online('alice')
    await failed(2)
    expect(said).toEqual(['the receiver answered 410', 'dropped 1: gone'])
    online('bob')
    await clock.advance(3_600_000)
    expect(receiver.events).toEqual(['alice online'])
    expect(webhooks.stats).toMatchObject({ dropped: 2, waiting: 0 })
  })
})

describe('closing', () => {
  test.each([Number.POSITIVE_INFINITY, Number.NaN, -1, 2 ** 31])('refuses %d ms', async (ms) => {
    online('alice')
    await expect(webhooks.close(ms)).rejects.toThrow(/^ms must be between 0 and/)
    expect(webhooks.stats).toMatchObject({ dropped: 0 })
  })

  test('sends what waits, also after a failure, and then ends', async () => {
    receiver.answer = (response) => void response.writeHead(500).end()
    for (let n = 0; n < 50; n++) online(`client-${n}`)
    await failed(16)
    receiver.answer = (response) => void response.writeHead(200).end()
    await webhooks.close(5_000)
    expect(webhooks.stats).toMatchObject({ delivered: 50, waiting: 0, dropped: 0 })
    online('late')
    expect(said.at(-1)).toBe('dropped 1: closed')
  })

  test('tries again within its time, and drops what is left', async () => {
    receiver.answer = (response, { client }) => {
      if (client !== 'silent') response.writeHead(500).end()
    }
    online('silent')
    for (let n = 0; n < 20; n++) online(`client-${n}`)
    await failed(15)
    const closed = webhooks.close(2_000)
    await clock.advance(2_000)
    await closed
    expect(said.at(-1)).toBe('dropped 21: closed')
    expect(webhooks.stats).toMatchObject({ delivered: 0, dropped: 21, waiting: 0 })
  })

  test('twice ends both calls when all is sent, and at the shorter time of both', async () => {
    let answer = () => {}
    receiver.answer = (response) => {
      answer = () => void response.writeHead(200).end()
    }
    online('alice')
    await until('it has arrived', () => receiver.received.length === 1)
    const closed = Promise.all([webhooks.close(3_000), webhooks.close(3_000)])
    answer()
    await closed
    expect(webhooks.stats).toMatchObject({ delivered: 1, dropped: 0 })

    webhooks = create()
    online('bob')
    const hasty = Promise.all([webhooks.close(3_000), webhooks.close(100)])
    await clock.advance(100)
    await hasty
    expect(webhooks.stats).toMatchObject({ delivered: 0, dropped: 1 })
  })

  test('does not wait if there is nothing to send', async () => {
    await webhooks.close()
    await webhooks.close()
    expect(said).toEqual([])
  })
})
