/** Deployments that change `HUB_SHARDS`: no client misses an event without receiving `hub:gap`. */
import { request } from 'node:http'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import { listen, requestJson, textBody } from '../../support/client.ts'
import { publishedData } from '../../support/events.ts'
import { createWorkerStorage, type WorkerStorage } from '../../support/worker/edge.ts'

// Each test starts workerd several times, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

let disk: WorkerStorage
afterEach(() => disk.remove())

/** A client that belongs to `shard` of `count` shards, and to `other` of `others`. */
function clientAt(shard: number, count: number, other = shard, others = count): string {
  const names = Array.from({ length: 200 }, (_, i) => `user-${i}`)
  const belongs = (name: string) =>
    shardOf(name, count) === shard && shardOf(name, others) === other
  const name = names.find(belongs)
  if (name === undefined) throw new Error('None of the names belongs there.')
  return name
}

/** Runs a hub of `count` shards while the work lasts. */
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
  (await requestJson<{ id: string }>(`${url}/clients/${client}`, textBody(data))).id

/** Reconnects with a cursor: how the stream resumes, and the events up to a last one. */
const resume = (client: string, cursor: string) => async (url: string) => {
  const stream = await listen(url, `id=${client}`, cursor)
  await publish(client, 'last')(url)
  await stream.next(({ data }) => data === 'last')
  await stream.close()
  return { resume: stream.ready.resume, data: publishedData(stream) }
}

describe('a client that was away during every deployment receives a gap', () => {
  test.each([
    { name: '3 shards, then 1, then 3 again', counts: [3, 1, 3], home: 2, other: 0 },
    { name: '1 shard, then 2, then 1 again', counts: [1, 2, 1], home: 0, other: 1 },
    { name: '2 shards, then 3, then 2 again', counts: [2, 3, 2], home: 1, other: 2 },
  ])('with $name', async ({ counts: [first = 1, second = 1, third = 1], home, other }) => {
    disk = createWorkerStorage()
    const client = clientAt(home, first, other, second)
    const id = await deployed(first, publish(client, 'before'))
    // Only the client's new shard serves a request; the one that issued the cursor does not start by itself.
    await deployed(second, publish(client, 'meanwhile'))
    const outcome = await deployed(third, resume(client, id))
    expect(outcome.resume).toBe('gap')
    // What its shard still has is replayed: after a gap, the hub can't know what the client received.
    expect(outcome.data).toEqual(['before', 'last'])
  })
})

test('a deployment that keeps the number of shards causes no gap', async () => {
  disk = createWorkerStorage()
  const client = clientAt(2, 3)
  const id = await deployed(3, publish(client, 'one'))
  await deployed(3, publish(client, 'two'))
  expect(await deployed(3, resume(client, id))).toEqual({
    resume: 'complete',
    data: ['two', 'last'],
  })
})

test('a gap is reported once: cursors from after the change are valid', async () => {
  disk = createWorkerStorage()
  const client = clientAt(1, 3)
  await deployed(1, publish(client, 'before'))
  const id = await deployed(3, publish(client, 'one'))
  expect(await deployed(3, resume(client, id))).toEqual({ resume: 'complete', data: ['last'] })
})

test('a client that reconnects during a replay of events from before the change receives no second gap', async () => {
  disk = createWorkerStorage()
  const client = clientAt(1, 3, 1, 2)
  const old = await deployed(3, publish(client, 'one'))
  await deployed(2, async (url) => {
    const stream = await listen(url, `id=${client}`, old)
    const gap = await stream.next(({ event }) => event === 'hub:gap')
    const { id = '' } = await stream.next(({ data }) => data === 'one')
    await stream.close()
    expect((JSON.parse(gap.data) as { earliest: string }).earliest).toBe(id)
    expect(await resume(client, id)(url)).toEqual({ resume: 'complete', data: ['last'] })
  })
})

test('the other shards serve nothing until the unreachable shard is back', async () => {
  disk = createWorkerStorage()
  const client = clientAt(1, 3)
  const id = await deployed(3, publish(client, 'before'))
  const entry = {
    ENTRYPOINT: 'test/support/worker/unreachable-object.ts',
    CORS_ORIGINS: 'https://a.example',
  }
  await deployed(
    2,
    async (url) => {
      const refused = await fetch(`${url}/clients/${client}`, textBody('too early'))
      expect(refused.status).toBe(503)
      expect(refused.headers.get('Retry-After')).toBe('2')
      const stream = await fetch(`${url}/sse?id=${client}`, {
        headers: { Origin: 'https://a.example' },
      })
      expect(stream.headers.get('Access-Control-Allow-Origin')).toBe('https://a.example')
      expect(await stream.text()).toContain('"reason":"shutdown"')
      await fetch(`${url}/reachable`)
      expect(await resume(client, id)(url)).toMatchObject({ resume: 'gap' })
    },
    entry,
  )
})

test('objects refuse a Worker of another deployment, so no event is accepted that no client receives', async () => {
  disk = createWorkerStorage()
  const client = clientAt(1, 3)
  const entry = { ENTRYPOINT: 'test/support/worker/stale-worker.ts' }
  await deployed(
    3,
    async (url) => {
      const id = await publish(client, 'one')(url)
      for (const stale of ['1', '2', '4']) {
        const init = (method: string, body?: string) => ({
          ...(body === undefined ? { method } : textBody(body)),
          headers: { 'Stale-Shards': stale, 'Hub-Shards': '3' },
        })
        for (const path of [`/clients/${client}`, '/broadcast', '/topics/news']) {
          const response = await fetch(url + path, init('POST', 'lost'))
          expect([response.status, response.headers.get('Retry-After')]).toEqual([503, '2'])
        }
        expect((await fetch(`${url}/clients`, init('GET'))).status).toBe(503)
        const stream = await fetch(`${url}/sse?id=${client}`, init('GET'))
        expect(stream.status).toBe(200)
        expect(await stream.text()).toContain('"reason":"shutdown"')
      }
      expect(await resume(client, id)(url)).toEqual({ resume: 'complete', data: ['last'] })
    },
    entry,
  )
})

test('an object that is fenced ends its streams, and stores no event of a request that it had let in', async () => {
  disk = createWorkerStorage()
  const client = clientAt(1, 3)
  const entry = { ENTRYPOINT: 'test/support/worker/fencing-worker.ts' }
  await deployed(
    3,
    async (url) => {
      const stream = await listen(url, `id=${client}`)
      const slow = startPublish(`${url}/clients/${client}`)
      // The object has let in the request before this one.
      await requestJson(`${url}/clients/${client}`)
      expect((await fetch(`${url}/fence?shard=1&count=2`)).status).toBe(204)
      const { data } = await stream.next(({ event }) => event === 'hub:bye')
      expect(data).toContain('shutdown')
      expect(await slow.finish('lost')).toBe(503)
    },
    entry,
  )
})

/** Sends the first byte of an event; `finish` sends the rest, and resolves with the status. */
function startPublish(url: string) {
  const sent = request(url, { method: 'POST', headers: { 'Content-Type': 'text/plain' } })
  const status = new Promise<number | undefined>((resolve, reject) => {
    sent.once('error', reject).once('response', (response) => {
      response.resume()
      resolve(response.statusCode)
    })
  })
  sent.write('x')
  return { finish: (rest: string) => sent.end(rest) && status }
}

const retain = (path: string, data: string) => (url: string) =>
  requestJson(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ data, key: 'k', retain: true }),
  })

/** What a new stream starts with. */
const startOf = (client: string) => async (url: string) => {
  const stream = await listen(url, `id=${client}&topic=prices`)
  await publish(client, 'last')(url)
  await stream.next(({ data }) => data === 'last')
  await stream.close()
  return publishedData(stream).slice(0, -1)
}

test('a shard that becomes part of the hub again sends nothing that it retained before', async () => {
  disk = createWorkerStorage()
  const mover = clientAt(1, 2)
  const stayer = clientAt(0, 2)
  await deployed(2, async (url) => {
    await retain('/topics/prices', 'old price')(url)
    await retain(`/clients/${mover}`, 'old state')(url)
    await retain(`/clients/${stayer}`, 'state')(url)
    expect(await startOf(mover)(url)).toEqual(['old price', 'old state'])
  })
  await deployed(1, async (url) => {
    expect(await startOf(mover)(url)).toEqual(['old price'])
    await retain('/topics/prices', 'new price')(url)
    await retain(`/clients/${mover}`, 'state on the first shard')(url)
  })
  await deployed(2, async (url) => {
    expect(await startOf(mover)(url)).toEqual([])
    expect(await startOf(stayer)(url)).toEqual(['state', 'new price'])
    await retain('/topics/prices', 'last price')(url)
    expect(await startOf(mover)(url)).toEqual(['last price'])
  })
  await deployed(1, async (url) => {
    expect(await startOf(mover)(url)).toEqual(['last price'])
  })
})

const block = (client: string) => (url: string) =>
  requestJson(`${url}/clients/${client}?block=3600`, { method: 'DELETE' })

const statusOfStream = (client: string) => async (url: string) => {
  const response = await fetch(`${url}/sse?id=${client}`)
  await response.body?.cancel()
  return response.status
}

test('a blocked client stays blocked on the shard that it moves to', async () => {
  disk = createWorkerStorage()
  const early = clientAt(1, 3)
  const late = clientAt(2, 3)
  await deployed(1, block(early))
  expect(await deployed(3, statusOfStream(early))).toBe(204)
  await deployed(2, block(late))
  await deployed(3, async (url) => {
    expect(await statusOfStream(late)(url)).toBe(204)
    expect(await statusOfStream(early)(url)).toBe(204)
    expect(await statusOfStream(clientAt(0, 3))(url)).toBe(200)
  })
  // The block is on the disk of the shard.
  expect(await deployed(3, statusOfStream(late))).toBe(204)
})

test('neither a used ticket nor an unused one is accepted after the change', async () => {
  disk = createWorkerStorage()
  const key = '0123456789abcdef'
  const client = clientAt(1, 3)
  const environment = { PUBLISH_KEY: key, ALLOW_ANONYMOUS: 'false' }
  const request = async (url: string) => {
    const init = {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ client }),
    }
    return (await requestJson<{ ticket: string }>(`${url}/tickets`, init)).ticket
  }
  const redeem = async (url: string, ticket: string) => {
    const response = await fetch(`${url}/sse?ticket=${ticket}`)
    await response.body?.cancel()
    return response.status
  }
  const issue = async (url: string) => {
    const tickets = [await request(url), await request(url)] as const
    expect(await redeem(url, tickets[0])).toBe(200)
    return tickets
  }
  const [used, unused] = await deployed(1, issue, environment)
  const check = async (url: string) => {
    expect([await redeem(url, used), await redeem(url, unused)]).toEqual([401, 401])
    expect(await redeem(url, await request(url))).toBe(200)
  }
  await deployed(3, check, environment)
  await deployed(1, check, environment)
})
