/** A Durable Object is billed as long as anything keeps it awake: without a client nothing does. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ask, createDisk, listen, text, until } from '../../support/worker/edge.ts'
import type { Look } from '../../support/worker/timers-object.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

/**
 * workerd takes an object that nobody talks to out of memory after ten seconds. To look at it is to
 * talk to it, so that they have to pass unseen.
 */
const unseen = () => new Promise((resolve) => setTimeout(resolve, 11_000))

const disk = createDisk()
let url = ''
beforeAll(async () => {
  const entry = { ENTRYPOINT: 'test/support/worker/timers-object.ts' }
  url = (
    await disk.start({ ...entry, HEARTBEAT_SECONDS: '2', CLOCK_SECONDS: '1', JOURNAL_SECONDS: '3' })
  ).url
})
afterAll(disk.remove)

const look = () => ask<Look>(`${url}/look`)

test('a hub without a client has no timer, one with a client has, and none is left when it leaves', async () => {
  expect((await look()).timers).toEqual([])
  const streams = [await listen(url, 'id=alice'), await listen(url, 'id=bob')]
  const { life, timers } = await look()
  expect([...timers].sort()).toEqual([1_000, 500].sort())
  await streams[0]?.close()
  await until(
    'one is gone',
    async () => (await ask<{ total: number }>(`${url}/clients`)).total === 1,
  )
  expect((await look()).timers).toHaveLength(2)
  await streams[1]?.close()
  await until('no timer is armed', async () => (await look()).timers.length === 0)
  expect((await look()).life).toBe(life)
})

test('an alarm is set as long as there is something to give up, and no longer', async () => {
  expect((await look()).alarm).toBeNull()
  await ask(`${url}/broadcast`, text('kept for three seconds'))
  expect((await look()).alarm).toBeGreaterThan(Date.now())
  await until('nothing is left to wake for', async () => (await look()).alarm === null)
  expect((await look()).timers).toEqual([])
})

test('an object stays while a client is there, and is out of memory soon after it left', async () => {
  const stream = await listen(url, 'id=alice')
  const { life } = await look()
  await unseen()
  expect((await look()).life, 'a heartbeat keeps it').toBe(life)
  await stream.close()
  await until('no timer is armed', async () => (await look()).timers.length === 0)
  await unseen()
  expect((await look()).life).not.toBe(life)
})
