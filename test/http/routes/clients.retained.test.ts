/** The route that lists the retained events of a topic, and what streams receive of them. */
import { expect, test } from 'vitest'
import { createAppHarness, json } from '../../support/app-harness.ts'

test('retained events are listed, received by new streams, and removed by empty data', async () => {
  const { request, listen } = createAppHarness()
  const publish = async (body: object) => {
    const response = await request('/topics/prices', json(body))
    return ((await response.json()) as { id: string }).id
  }
  const list = async (query = '') => await (await request(`/topics/prices/retained${query}`)).json()
  expect(await list()).toEqual({ topic: 'prices', retained: [], complete: true })
  await publish({ data: 3.2, key: 'ACME', event: 'price', retain: true })
  const b = await publish({ data: 'open', retain: true })
  const a = await publish({ data: 3.4, key: 'ACME', event: 'price', retain: true })
  expect(await list()).toEqual({
    topic: 'prices',
    retained: [
      { id: b, event: 'message', data: 'open' },
      { id: a, key: 'ACME', event: 'price', data: '3.4' },
    ],
    complete: true,
  })
  expect(await list('?limit=1')).toMatchObject({ retained: [{ id: b }], complete: false })
  const reader = await listen('/sse?id=alice&topic=prices')
  expect(await reader.next()).toMatchObject({ id: undefined, data: 'open' })
  expect(await reader.next()).toMatchObject({ id: undefined, event: 'price', data: '3.4' })
  expect(await reader.next()).toMatchObject({ id: a, event: 'hub:beat' })
  await publish({ data: '', key: 'ACME', retain: true })
  expect(await reader.next()).toMatchObject({ event: undefined, data: '' })
  expect(await list()).toMatchObject({ retained: [{ id: b }] })
})

test('an event is not retained and ephemeral', async () => {
  const { request } = createAppHarness()
  const response = await request('/broadcast', json({ data: 1, retain: true, ephemeral: true }))
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ detail: expect.stringMatching(/ephemeral/) })
})
