/** Publishing: which clients an event reaches, and what the publisher receives. */
import { expect, test } from 'vitest'
import { listen, type PublishResult, postJson, publish } from '../../support/client.ts'
import { hasData, publishedData } from '../../support/events.ts'
import { type RuntimePool, WITH_CLOCK } from './runtime.ts'

const ID = /^[0-9a-z]+-\d+$/

/** How events are published on a runtime. */
export function publishing(pool: RuntimePool): void {
  const instanceCount = (instances: number) => (pool.runtime.sharedJournal ? { instances } : {})

  test('a ping reaches both tabs of alice and never bob', async () => {
    const { url } = await pool.shared()
    const [tab1, tab2, bob] = await Promise.all([
      listen(url, 'id=ping-alice'),
      listen(url, 'id=ping-alice'),
      listen(url, 'id=ping-bob'),
    ])
    const response = await fetch(`${url}/ping/ping-alice`, { method: 'POST' })
    expect(response.status).toBe(200)
    const receipt = (await response.json()) as PublishResult
    expect(receipt).toEqual({ id: expect.stringMatching(ID), connections: 2, ...instanceCount(1) })
    expect((await tab1.next(hasData('hello'))).id).toBe(receipt.id)
    expect((await tab2.next(hasData('hello'))).id).toBe(receipt.id)
    // Events arrive in order: if bob had received the ping, it would come before this event.
    await publish(url, '/clients/ping-bob', 'for bob')
    await bob.next(hasData('for bob'))
    expect(publishedData(bob)).not.toContain('hello')
    await Promise.all([tab1, tab2, bob].map((reader) => reader.close()))
  })

  test('a broadcast reaches everyone, once', async () => {
    // Tests on the ticking server count no events, so a broadcast disturbs none of them.
    const { url } = await pool.shared(WITH_CLOCK)
    const readers = await Promise.all(
      ['amy', 'amy', 'ben', 'cat'].map((id) => listen(url, `id=${id}`)),
    )
    const { connections } = await publish(url, '/broadcast', 'to all')
    expect(connections).toBeGreaterThanOrEqual(4)
    await publish(url, '/broadcast', 'end')
    for (const reader of readers) {
      await reader.next(hasData('end'))
      expect(publishedData(reader)).toEqual(['to all', 'end'])
      await reader.close()
    }
  })

  test('a topic reaches its subscribers, and a client may subscribe to two topics', async () => {
    const { url } = await pool.shared()
    const [both, one, none] = await Promise.all([
      listen(url, 'id=topic-1&topic=red%20%26%20hot&topic=blue'),
      listen(url, 'id=topic-2&topic=blue'),
      listen(url, 'id=topic-3'),
    ])
    expect(both.ready.topics).toEqual(['red & hot', 'blue'])
    expect((await publish(url, '/topics/red%20%26%20hot', 'red')).connections).toBe(1)
    expect((await publish(url, '/topics/blue', 'blue')).connections).toBe(2)
    for (const reader of [both, one, none]) {
      await publish(url, `/clients/${reader.ready.client}`, 'topic end')
      await reader.next(hasData('topic end'))
    }
    const seen = [both, one, none].map((reader) =>
      publishedData(reader).filter((data) => ['red', 'blue'].includes(data)),
    )
    expect(seen).toEqual([['red', 'blue'], ['blue'], []])
    await Promise.all([both, one, none].map((reader) => reader.close()))
  })

  test('a publish result counts connections, and zero is not an error', async () => {
    const { url } = await pool.shared()
    const receipt = await publish(url, '/clients/absent', 'kept for a return')
    expect(receipt).toEqual({ id: expect.stringMatching(ID), connections: 0, ...instanceCount(0) })
    const response = await postJson(url, '/clients/absent', { data: 1, ephemeral: true })
    expect(await response.json()).toEqual({ connections: 0, ...instanceCount(0) })
  })

  test('JSON, text, forms, names, line breaks and Unicode arrive as they were sent', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=forms')
    const path = '/clients/forms'
    await postJson(url, path, { data: { nested: ['ü', '😀', null] }, event: 'thing' })
    await publish(url, path, 'id: forged\n\nevent: forged\r\ndata: x')
    const form = new URLSearchParams({ data: 'a+b & c=ü', event: 'formed' })
    await fetch(url + path, { method: 'POST', body: form })
    await publish(url, path, 'forms end')
    await listener.next(hasData('forms end'))
    expect(listener.events.slice(1)).toMatchObject([
      { event: 'thing', data: '{"nested":["ü","😀",null]}' },
      { data: 'id: forged\n\nevent: forged\ndata: x', id: expect.stringMatching(ID) },
      { event: 'formed', data: 'a+b & c=ü' },
      { data: 'forms end' },
    ])
    await listener.close()
  })

  test('a publish that is repeated with its idempotency key publishes nothing, and has the same result', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=once')
    const publishOnce = async (path: string, body: string) => {
      const init = { method: 'POST', headers: { 'Idempotency-Key': 'once-1' }, body }
      const response = await fetch(url + path, init)
      return { status: response.status, body: (await response.json()) as PublishResult }
    }
    const all = await Promise.all([1, 2, 3, 4].map(() => publishOnce('/clients/once', 'paid')))
    expect(all).toEqual(all.map(() => all[0]))
    expect(all[0]).toMatchObject({ status: 200, body: { connections: 1 } })
    expect((await publishOnce('/clients/once', 'sent')).status).toBe(422)
    await publish(url, '/clients/once', 'end')
    await listener.next(hasData('end'))
    expect(publishedData(listener)).toEqual(['paid', 'end'])
    await listener.close()
  })

  test('an ephemeral event reaches connected clients, has no id and is not replayed', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=passing')
    const response = await postJson(url, '/clients/passing', { data: 'typing', ephemeral: true })
    expect(await response.json()).toEqual({ connections: 1, ...instanceCount(1) })
    expect((await listener.next(hasData('typing'))).id).toBeUndefined()
    await listener.close()
    await publish(url, '/clients/passing', 'kept')
    const back = await listen(url, 'id=passing', listener.head)
    await back.next(hasData('kept'))
    expect(publishedData(back)).toEqual(['kept'])
    await back.close()
  })
  test('an event replaces those with its key, and one that is retained comes first', async () => {
    const { url } = await pool.shared()
    const path = '/clients/keyed'
    for (const data of ['to', 'ken']) await postJson(url, path, { data, key: 'answer' })
    await postJson(url, path, { data: 'token', key: 'answer', replace: true })
    for (const data of ['1', '2']) await postJson(url, path, { data, key: 'price', retain: true })
    const all = await listen(url, 'id=keyed&lastEventId=earliest')
    await all.next(hasData('2'))
    expect(publishedData(all)).toEqual(['token', '2'])
    const fresh = await listen(url, 'id=keyed')
    expect((await fresh.next(hasData('2'))).id).toBeUndefined()
    await postJson(url, path, { data: '', key: 'price', retain: true })
    await publish(url, path, 'end')
    await fresh.next(hasData('end'))
    expect(publishedData(fresh)).toEqual(['2', '', 'end'])
    await Promise.all([all, fresh].map((reader) => reader.close()))
  })
}
