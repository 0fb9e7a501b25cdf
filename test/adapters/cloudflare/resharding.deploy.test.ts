/** Another number of objects, deploy by deploy: no client misses an event without being told. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import { ask, createDisk, type Disk, dataOf, listen, text } from '../../support/worker/edge.ts'

// workerd starts several times in a test, which takes seconds each time on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

let disk: Disk
afterEach(() => disk.remove())

/** A client that is at one object with so many, and at another with others. */
function clientAt(shard: number, count: number, other = shard, others = count): string {
  const names = Array.from({ length: 200 }, (_, i) => `user-${i}`)
  const isThere = (name: string) =>
    shardOf(name, count) === shard && shardOf(name, others) === other
  const name = names.find(isThere)
  if (name === undefined) throw new Error('None of the names is there.')
  return name
}

/** Runs the hub with so many objects, as long as the work takes. */
async function deployed<T>(
  count: number,
  work: (url: string) => Promise<T>,
  environment = {},
): Promise<T> {
  const edge = await disk.start({ HUB_SHARDS: `${count}`, ...environment })
  try {
    return await work(edge.url)
  } finally {
    await edge.kill()
  }
}

const publish = (client: string, data: string) => async (url: string) =>
  (await ask<{ id: string }>(`${url}/clients/${client}`, text(data))).id

/** How a stream of the client begins when it comes back, and what it gets up to a last event. */
const back = (client: string, cursor: string) => async (url: string) => {
  const stream = await listen(url, `id=${client}`, { 'Last-Event-ID': cursor })
  await publish(client, 'last')(url)
  await stream.next(({ data }) => data === 'last')
  await stream.close()
  return { resume: stream.ready.resume, data: dataOf(stream) }
}

describe('who was away all the while is told a gap', () => {
  test.each([
    { name: '3 objects, then 1, then 3 again', counts: [3, 1, 3], home: 2, other: 0 },
    { name: '1 object, then 2, then 1 again', counts: [1, 2, 1], home: 0, other: 1 },
    { name: '2 objects, then 3, then 2 again', counts: [2, 3, 2], home: 1, other: 2 },
  ])('with $name', async ({ counts: [first = 1, second = 1, third = 1], home, other }) => {
    disk = createDisk()
    const client = clientAt(home, first, other, second)
    const id = await deployed(first, publish(client, 'before'))
    // Only the one object is touched, and the one that knows the cursor sleeps.
    await deployed(second, publish(client, 'meanwhile'))
    const { resume, data } = await deployed(third, back(client, id))
    expect(resume).toBe('gap')
    // What is left where it was is told again: after a gap nobody knows what was had.
    expect(data).toEqual(['before', 'last'])
  })
})

test('with the same number as before nobody is told a gap', async () => {
  disk = createDisk()
  const client = clientAt(2, 3)
  const id = await deployed(3, publish(client, 'one'))
  await deployed(3, publish(client, 'two'))
  const { resume, data } = await deployed(3, back(client, id))
  expect({ resume, data }).toEqual({ resume: 'complete', data: ['two', 'last'] })
})

test('a gap is told once: what comes with the new number is there when it is left', async () => {
  disk = createDisk()
  const client = clientAt(1, 3)
  await deployed(1, publish(client, 'before'))
  const id = await deployed(3, publish(client, 'one'))
  const { resume, data } = await deployed(3, back(client, id))
  expect({ resume, data }).toEqual({ resume: 'complete', data: ['last'] })
})

test('as long as one object can’t be reached the others serve nobody, and then they do', async () => {
  disk = createDisk()
  const client = clientAt(1, 3)
  const id = await deployed(3, publish(client, 'before'))
  const entry = {
    ENTRYPOINT: 'test/support/worker/unreachable-object.ts',
    CORS_ORIGINS: 'https://a.example',
  }
  await deployed(
    2,
    async (url) => {
      const refused = await fetch(`${url}/clients/${client}`, text('too early'))
      expect(refused.status).toBe(503)
      expect(refused.headers.get('Retry-After')).toBe('2')
      const stream = await fetch(`${url}/sse?id=${client}`, {
        headers: { Origin: 'https://a.example' },
      })
      expect(stream.headers.get('Access-Control-Allow-Origin')).toBe('https://a.example')
      expect(await stream.text()).toContain('"reason":"shutdown"')
      await fetch(`${url}/reachable`)
      expect(await back(client, id)(url)).toMatchObject({ resume: 'gap' })
    },
    entry,
  )
})
