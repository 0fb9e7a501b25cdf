/** A Durable Object is billed while anything keeps it in memory: without clients nothing does. */
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { type Listener, listen, requestJson, textBody } from '../../support/client.ts'
import { until } from '../../support/eventually.ts'
import { createWorkerStorage } from '../../support/worker/edge.ts'
import type { Inspection } from '../../support/worker/timers-object.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

/**
 * workerd evicts an object from memory after ten seconds without a request. Inspecting it is a
 * request, so the test has to wait without looking.
 */
const idle = () => new Promise((resolve) => setTimeout(resolve, 11_000))

const disk = createWorkerStorage()
let url = ''
beforeAll(async () => {
  const entry = { ENTRYPOINT: 'test/support/worker/timers-object.ts' }
  url = (
    await disk.start({ ...entry, HEARTBEAT_SECONDS: '2', CLOCK_SECONDS: '1', JOURNAL_SECONDS: '3' })
  ).url
})
afterAll(disk.remove)

const inspect = () => requestJson<Inspection>(`${url}/inspect`)

/** Opens a stream, which ends with the test: one that was left open would fail those that follow. */
async function open(id: string): Promise<Listener> {
  const stream = await listen(url, `id=${id}`)
  onTestFinished(() => stream.close())
  return stream
}

/** Waits until just these timers are set: a task that is deferred has one, of no length, for a moment. */
const untilTimers = (...expected: readonly number[]) =>
  until(`these timers are set: ${expected.join(', ') || 'none'}`, async () => {
    const { timers } = await inspect()
    return `${[...timers].sort()}` === `${[...expected].sort()}`
  })

test('a hub has timers only while a client is connected', async () => {
  expect((await inspect()).timers).toEqual([])
  const alice = await open('alice')
  const bob = await open('bob')
  const { lifetime } = await inspect()
  await untilTimers(500, 1_000)
  await alice.close()
  await until(
    'one client has left',
    async () => (await requestJson<{ total: number }>(`${url}/clients`)).total === 1,
  )
  await untilTimers(500, 1_000)
  await bob.close()
  await untilTimers()
  expect((await inspect()).lifetime).toBe(lifetime)
})

test('an alarm is set only while there are events to evict', async () => {
  expect((await inspect()).alarm).toBeNull()
  await requestJson(`${url}/broadcast`, textBody('kept for three seconds'))
  expect((await inspect()).alarm).toBeGreaterThan(Date.now())
  await until('no alarm is set', async () => (await inspect()).alarm === null)
  await untilTimers()
})

test('an object stays in memory while a client is connected, and is evicted soon afterwards', async () => {
  const stream = await open('alice')
  const { lifetime } = await inspect()
  await idle()
  expect((await inspect()).lifetime, 'the heartbeat keeps it in memory').toBe(lifetime)
  await stream.close()
  await untilTimers()
  await idle()
  expect((await inspect()).lifetime).not.toBe(lifetime)
})
