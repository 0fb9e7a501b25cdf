/** Event streams over several Durable Objects: each event arrives on all of them as it comes. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import { listen } from '../../support/client.ts'
import { hasData, named, publishedData } from '../../support/events.ts'
import { createWorkerStorage } from '../../support/worker/edge.ts'
import { openPipe } from '../../system/behaviour/piping.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 })

const COUNT = 3
const NAMES = Array.from({ length: 9 }, (_, n) => `user-${n}`)
const KEY = 'a-key-0123456789'

const disk = createWorkerStorage()
let url = ''
beforeAll(async () => {
  url = (await disk.start({ HUB_SHARDS: `${COUNT}` })).url
})
afterAll(disk.remove)

const listenAll = () => Promise.all(NAMES.map((name) => listen(url, `id=${name}&topic=news`)))

test.each(['/topics/news', '/broadcast'])(
  'each event to %s arrives before the next one is sent',
  async (path) => {
    expect(new Set(NAMES.map((name) => shardOf(name, COUNT))).size).toBe(COUNT)
    const listeners = await listenAll()
    const pipe = openPipe(`${url}${path}?event=token&key=k&onAbort=cut-off`)
    for (const data of ['one', 'two', 'three']) {
      pipe.write(`data: ${data}\n\n: ping\n\n`)
      await Promise.all(listeners.map((one) => one.next(hasData(data))))
    }
    pipe.end('data: unfinished')
    const result = (await pipe.result()) as { published: number; ids: string[] }
    expect(result).toEqual({ published: 3, ids: expect.any(Array) })
    expect(result.ids).toHaveLength(COUNT)
    for (const listener of listeners) {
      const { event, id = '' } = listener.events.at(-1) ?? {}
      expect([event, result.ids.includes(id)]).toEqual(['token', true])
      await listener.close()
    }
  },
)

test('many events keep their order, and the first that is refused ends the stream on all objects', async () => {
  const listeners = await listenAll()
  const data = Array.from({ length: 5_000 }, (_, n) => `${n}`)
  const pipe = openPipe(`${url}/topics/news?onAbort=cut-off`)
  pipe.write(data.map((one) => `data: ${one}\n\n`).join(''))
  pipe.end('event: error\ndata: refused\n\ndata: after\n\n')
  expect(await pipe.result()).toMatchObject({ status: 400, published: data.length })
  for (const listener of listeners) {
    await listener.next(named('cut-off'))
    expect(publishedData(listener)).toEqual([...data, '{"reason":"refused"}'])
    await listener.close()
  }
})

test('a publisher that leaves holds up no other', async () => {
  const [listener] = await listenAll()
  const left = openPipe(`${url}/topics/news`)
  left.write('data: whole\n\ndata: half')
  await listener?.next(hasData('whole'))
  left.cut()
  const pipe = openPipe(`${url}/topics/news`)
  pipe.end('data: next\n\n')
  expect(await pipe.result()).toMatchObject({ published: 1 })
  await listener?.next(hasData('next'))
  expect(listener && publishedData(listener)).toEqual(['whole', 'next'])
})

test('a publisher without a credential is refused before it sends an event', async () => {
  const { url } = await disk.start({
    HUB_SHARDS: `${COUNT}`,
    ALLOW_ANONYMOUS: '',
    PUBLISH_KEY: KEY,
  })
  const refused = openPipe(`${url}/topics/news`)
  refused.write(': soon\n\n')
  expect(await refused.result()).toMatchObject({ status: 401 })
  refused.cut()
  const allowed = openPipe(`${url}/topics/news`, { Authorization: `Bearer ${KEY}` })
  allowed.end('data: 1\n\n')
  expect(await allowed.result()).toMatchObject({ published: 1 })
})

test('only the first object counts the events of a stream, and nothing after its limit is published', async () => {
  const { url } = await disk.start({ HUB_SHARDS: `${COUNT}`, PUBLISHES_PER_MINUTE: '2' })
  const other = NAMES.find((name) => shardOf(name, COUNT) === 1)
  const body = '{"data":"own"}\n{"data":"own"}\n'
  const headers = { 'Content-Type': 'application/x-ndjson' }
  await (await fetch(`${url}/clients/${other}`, { method: 'POST', headers, body })).text()
  const listeners = await Promise.all(NAMES.map((name) => listen(url, `id=of-${name}&topic=news`)))
  const pipe = openPipe(`${url}/topics/news`)
  pipe.end('data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n')
  expect(await pipe.result()).toMatchObject({ status: 429, published: 2 })
  for (const listener of listeners) {
    await listener.next(hasData('2'))
    expect(publishedData(listener)).toEqual(['1', '2'])
    await listener.close()
  }
})
