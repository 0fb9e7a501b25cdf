/** The list of retained events. */
import { expect, test } from 'vitest'
import { createHubHarness } from '../../support/hub-harness.ts'

const NEWS = { topic: 'news' }

test('lists the retained events of one address', async () => {
  const { hub } = createHubHarness()
  const { id: a } = await hub.publish(NEWS, { key: 'a', event: 'x', retain: true, data: { n: 1 } })
  const { id: b } = await hub.publish(NEWS, { retain: true, data: 'two\nlines' })
  await hub.publish({ topic: 'other' }, { retain: true, data: 'other' })
  await hub.publish(NEWS, { key: 'c', replace: true, data: 'not retained' })
  expect(await hub.retained(NEWS)).toEqual({
    rows: [
      { id: a, key: 'a', event: 'x', data: '{"n":1}' },
      { id: b, event: 'message', data: 'two\nlines' },
    ],
    complete: true,
  })
  expect(await hub.retained(NEWS, { limit: 1 })).toMatchObject({
    rows: [{ id: a }],
    complete: false,
  })
  expect(await hub.retained('everyone')).toEqual({ rows: [], complete: true })
})

test('ends after a megabyte', async () => {
  const { hub } = createHubHarness()
  const data = 'x'.repeat(200_000)
  for (let n = 0; n < 8; n++) await hub.publish(NEWS, { key: `${n}`, retain: true, data })
  const { rows, complete } = await hub.retained(NEWS)
  expect([rows.length, complete]).toEqual([5, false])
})

test('refuses invalid addresses and options', async () => {
  const { hub } = createHubHarness()
  await expect(hub.retained({ topic: '*' })).rejects.toMatchObject({ code: 'invalid-address' })
  await expect(hub.retained(NEWS, { limit: 0.5 })).rejects.toMatchObject({ code: 'invalid-option' })
  const misspelt = { limmit: 1 } as object
  await expect(hub.retained(NEWS, misspelt)).rejects.toMatchObject({ code: 'invalid-option' })
})

test('refuses to read once the hub is closed', async () => {
  const { hub } = createHubHarness()
  await hub.publish(NEWS, { retain: true, data: 'kept' })
  await hub.close()
  await expect(hub.retained(NEWS)).rejects.toMatchObject({ code: 'hub-closed' })
})
