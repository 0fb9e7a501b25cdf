/** The hooks of webhooks resolve when a webhook no longer waits, so that a journal can store which were reported. */
import { afterEach, beforeEach, expect, test } from 'vitest'
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
/** The webhooks that no longer wait. */
let done: string[] = []

beforeEach(async () => {
  clock = manualClock(Date.now())
  receiver = await startWebhookReceiver()
  done = []
  const observer = { failed: () => {}, dropped: () => {} }
  const options = { url: receiver.url, secret: WEBHOOK_SECRET, maxWaiting: 20, observer }
  webhooks = createWebhooks({ ...options, clock, random: () => 1 })
})
afterEach(async () => {
  await closeAtOnce()
  await receiver.close()
})

async function closeAtOnce(): Promise<void> {
  const closed = webhooks.close(1)
  await clock.advance(1)
  await closed
}

const online = (client: string) =>
  void webhooks.hooks.onClientOnline(client).then(() => done.push(`${client} online`))
const offline = (client: string) =>
  void webhooks.hooks.onClientOffline(client).then(() => done.push(`${client} offline`))
const settled = (...events: string[]) => eventually(() => expect(done).toEqual(events))

/** Requests whose answer a test decides. */
function hold(): (() => void)[] {
  const held: (() => void)[] = []
  receiver.answer = (response) => void held.push(() => response.writeHead(204).end())
  return held
}

test('one that is delivered, not before the receiver has answered', async () => {
  const held = hold()
  online('alice')
  await until('it has arrived', () => held.length === 1)
  expect(done).toEqual([])
  held[0]?.()
  await settled('alice online')
})

test('one that has failed when it is delivered in the end', async () => {
  receiver.answer = (response) => void response.writeHead(500).end()
  online('alice')
  await until('it has failed', () => clock.timers === 2 && receiver.received.length === 1)
  expect(done).toEqual([])
  receiver.answer = (response) => void response.writeHead(204).end()
  await clock.advance(1_000)
  await settled('alice online')
})

test('one that a later one replaces: while it waits, and when it has failed', async () => {
  const held = hold()
  online('alice')
  await until('it has arrived', () => held.length === 1)
  offline('alice')
  online('alice')
  await settled('alice offline')
  receiver.answer = (response) => void response.writeHead(204).end()
  held[0]?.()
  await settled('alice offline', 'alice online', 'alice online')
})

test('one that no longer fits', async () => {
  hold()
  for (let n = 0; n < 16 + 21; n++) online(`client-${n}`)
  await settled('client-16 online')
})

test('those that wait when the receiver is gone, and later ones', async () => {
  receiver.answer = (response) => void response.writeHead(410).end()
  online('alice')
  await settled('alice online')
  offline('alice')
  await settled('alice online', 'alice offline')
})

test('one that has expired', async () => {
  receiver.answer = (response) => void response.writeHead(500).end()
  online('alice')
  await eventually(async () => {
    await clock.advance(60_000)
    expect(done).toEqual(['alice online'])
  })
})

test('not one that waits when they are closed: the next process may send it', async () => {
  hold()
  for (const client of ['alice', 'bob']) online(client)
  await closeAtOnce()
  expect(webhooks.stats).toMatchObject({ dropped: 2, waiting: 0 })
  expect(done).toEqual([])
})

test('not one that comes after they were closed, either', async () => {
  await closeAtOnce()
  online('alice')
  await clock.runPending()
  expect(webhooks.stats).toMatchObject({ dropped: 1, waiting: 0 })
  expect(done).toEqual([])
})
