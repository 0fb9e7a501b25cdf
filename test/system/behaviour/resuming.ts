/** Resuming: a client that was away catches up exactly, or receives a gap. */
import { expect, test } from 'vitest'
import { listen, publish } from '../../support/client.ts'
import { hasData, named, publishedData } from '../../support/events.ts'
import { type RuntimePool, TIGHT } from './runtime.ts'

/** How clients resume on a runtime. */
export function resuming(pool: RuntimePool): void {
  test('after a drop the Last-Event-ID header replays what was missed, once and in order', async () => {
    const { url } = await pool.shared()
    const { cursor } = await dropAfterThree(url, 'header')
    const back = await listen(url, 'id=header&topic=header-topic', cursor)
    await expectTheRest(url, 'header', back)
  })

  test('after a drop the query replays what was missed, once and in order', async () => {
    const { url } = await pool.shared()
    const { cursor } = await dropAfterThree(url, 'query')
    const query = new URLSearchParams({ id: 'query', topic: 'query-topic', lastEventId: cursor })
    const back = await listen(url, query.toString())
    await expectTheRest(url, 'query', back)
  })

  test('the header takes precedence over the query, which a browser sends again', async () => {
    const { url } = await pool.shared()
    const { first, cursor } = await dropAfterThree(url, 'both')
    const query = new URLSearchParams({ id: 'both', topic: 'both-topic', lastEventId: first })
    const back = await listen(url, query.toString(), cursor)
    await expectTheRest(url, 'both', back)
  })

  test('a client that drops before the first message resumes from where the stream opened', async () => {
    const { url } = await pool.shared()
    const early = await listen(url, 'id=early')
    expect(early.head).toBeDefined()
    await early.close()
    await publish(url, '/clients/early', 'one')
    const back = await listen(url, 'id=early', early.head)
    expect(back.ready.resume).toBe('complete')
    await back.next(hasData('one'))
    expect(publishedData(back)).toEqual(['one'])
    await back.close()
  })

  test('an opening before a replay carries no id', async () => {
    const { url } = await pool.shared()
    await publish(url, '/clients/kept', 'one')
    const back = await listen(url, 'id=kept&lastEventId=earliest')
    expect(back.head).toBeUndefined()
    expect(back.ready.resume).toBe('complete')
    await back.next(hasData('one'))
    await back.close()
  })

  test('evicted events are reported as a gap, before the events that can still be replayed', async () => {
    const { url } = await pool.shared(TIGHT)
    const ids = await publishMany(url, 'evicted', 10)
    const back = await listen(url, 'id=evicted', ids[1])
    expect(back.ready.resume).toBe('gap')
    expect(back.head).toBeUndefined()
    const gap = await back.next()
    expect(gap).toMatchObject({ event: 'hub:gap', id: undefined })
    expect(JSON.parse(gap.data)).toEqual({
      requested: ids[1],
      earliest: ids[7],
      reason: 'evicted',
    })
    await back.next(hasData('10'))
    expect(publishedData(back)).toEqual(['8', '9', '10'])
    await back.close()
  })

  test('events evicted for other clients are not a gap', async () => {
    const { url } = await pool.shared(TIGHT)
    const [before] = await publishMany(url, 'steady', 1)
    await publishMany(url, 'noisy', 10)
    const back = await listen(url, 'id=steady', before)
    expect(back.ready.resume).toBe('complete')
    await back.close()
  })

  test('a cursor of another epoch is reported as a gap', async () => {
    const { url } = await pool.shared()
    await publish(url, '/clients/stranger', 'one')
    for (const cursor of ['0ld3p0ch-7', 'nonsense', '%00']) {
      const back = await listen(url, 'id=stranger', cursor)
      expect(back.ready.resume).toBe('gap')
      const gap = JSON.parse((await back.next(named('hub:gap'))).data)
      expect(gap).toMatchObject({ requested: cursor, reason: 'epoch' })
      await back.next(hasData('one'))
      await back.close()
    }
  })

  test('a client receives nothing of what others missed', async () => {
    const { url } = await pool.shared()
    const [cursor] = await publishMany(url, 'mine', 1)
    await publishMany(url, 'theirs', 3)
    await publish(url, '/topics/theirs', 'topical')
    await publish(url, '/clients/mine', 'for me')
    const back = await listen(url, 'id=mine', cursor)
    await back.next(hasData('for me'))
    expect(publishedData(back)).not.toContain('topical')
    expect(publishedData(back)).not.toContain('2')
    await back.close()
  })

  test('events published while a client catches up come after what it missed', async () => {
    const { url } = await pool.shared()
    const text = 'x'.repeat(20_000)
    const [cursor] = await publishMany(url, 'busy', 1)
    const numbers = Array.from({ length: 60 }, (_, i) => `${i}${text}`)
    for (const data of numbers.slice(0, 40)) await publish(url, '/clients/busy', data)
    const [back] = await Promise.all([
      listen(url, 'id=busy', cursor),
      publishInOrder(url, numbers.slice(40)),
    ])
    await back.next(hasData(`59${text}`))
    expect(publishedData(back).map((data) => Number.parseInt(data, 10))).toEqual([
      ...numbers.keys(),
    ])
    await back.close()
  })
}

/** A client that received one, two and three, and left; four and five are published while it is away. */
async function dropAfterThree(
  url: string,
  client: string,
): Promise<{ first: string; cursor: string }> {
  const listener = await listen(url, `id=${client}&topic=${client}-topic`)
  await publish(url, `/clients/${client}`, 'one')
  await publish(url, `/topics/${client}-topic`, 'two')
  await publish(url, `/clients/${client}`, 'three')
  const first = (await listener.next(hasData('one'))).id ?? ''
  const cursor = (await listener.next(hasData('three'))).id ?? ''
  await listener.close()
  await publish(url, `/clients/${client}`, 'four')
  await publish(url, `/clients/not-${client}`, 'never')
  await publish(url, `/topics/${client}-topic`, 'five')
  return { first, cursor }
}

async function expectTheRest(
  url: string,
  client: string,
  back: Awaited<ReturnType<typeof listen>>,
): Promise<void> {
  expect(back.ready.resume).toBe('complete')
  await publish(url, `/clients/${client}`, 'six')
  await back.next(hasData('six'))
  expect(publishedData(back)).toEqual(['four', 'five', 'six'])
  await back.close()
}

async function publishMany(url: string, client: string, count: number): Promise<string[]> {
  const ids = []
  for (let n = 1; n <= count; n++) {
    ids.push((await publish(url, `/clients/${client}`, String(n))).id ?? '')
  }
  return ids
}

async function publishInOrder(url: string, texts: readonly string[]): Promise<void> {
  for (const text of texts) await publish(url, '/clients/busy', text)
}
