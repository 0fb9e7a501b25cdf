/** Components of a page share a stream that follows the topics of all of them. */
import { expect, onTestFinished, test } from 'vitest'
import type { PageStreamOptions } from '../../../src/client/components/page-stream.ts'
import {
  cursorOnPage,
  listenOnPage,
  refreshOptions,
  statusOnPage,
} from '../../../src/client/components/page-streams.ts'
import type { EventInput } from '../../../src/core/event.ts'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { manualClock } from '../../support/clock.ts'
import { seeded } from '../../support/seeded-random.ts'

interface Component {
  readonly received: string[]
  /** The data of the newest event of each key, by topic and key. */
  readonly values: ReadonlyMap<string, string>
  state(): string | undefined
  unmount(): void
}

function createPage() {
  const clock = manualClock()
  let hub = createHub({ clock })
  let app = createApp({ hub, access: 'anyone' })
  /** The topics of each request. */
  const requests: string[] = []
  let forbidden = ''
  const send = (async (url: string, init?: RequestInit) => {
    const topics = new URL(url).searchParams.getAll('topic')
    requests.push(topics.join(' '))
    if (topics.includes(forbidden)) return new Response(null, { status: 403 })
    return await app.request(url, init)
  }) as typeof fetch
  const base: PageStreamOptions = { url: 'http://hub/sse', client: 'alice', clock, fetch: send }
  return {
    clock,
    hub,
    requests,
    base,
    mount,
    publish,
    restart,
    forbid: (topic: string) => {
      forbidden = topic
    },
  }

  function mount(topics?: readonly string[], more: Partial<PageStreamOptions> = {}): Component {
    const options = { ...base, topics, ...more }
    const received: string[] = []
    const values = new Map<string, string>()
    const unmount = listenOnPage(options, (stream, isMine) =>
      stream.onAny((event) => {
        if (!isMine(event)) return
        received.push(event.data)
        if (event.key !== undefined) values.set(`${event.topic} ${event.key}`, event.data)
      }),
    )
    onTestFinished(async () => {
      unmount()
      await clock.advance(1)
    })
    return { received, values, state: () => statusOnPage(options)?.state, unmount }
  }

  async function restart(): Promise<void> {
    const closed = hub.close()
    hub = createHub({ clock })
    app = createApp({ hub, access: 'anyone' })
    await clock.advance(60_000)
    await closed
  }

  async function publish(data: string, topic?: string, more: Partial<EventInput> = {}) {
    await hub.publish(topic === undefined ? 'everyone' : { topic }, { data, ...more })
    await clock.runPending()
  }
}

test('a component receives the events of the patterns that it follows', async () => {
  const { clock, mount, publish } = createPage()
  const [one, all, exact] = [mount(['a/*']), mount(['a/**', 'b']), mount(['a/1', 'a/1/2'])]
  await clock.runPending()
  for (const topic of ['a/1', 'a/1/2', 'a/2', 'b']) await publish(topic, topic)
  expect(one.received).toEqual(['a/1', 'a/2'])
  expect(all.received).toEqual(['a/1', 'a/1/2', 'a/2', 'b'])
  expect(exact.received).toEqual(['a/1', 'a/1/2'])
})

test('a component whose topic a pattern of another covers joins its stream as it is', async () => {
  const { clock, requests, mount, publish } = createPage()
  mount(['a/**'])
  await clock.runPending()
  const exact = mount(['a/1', 'a/2/*'])
  await clock.runPending()
  for (const topic of ['a/1', 'a/1/2', 'a/2/1']) await publish(topic, topic)
  expect(exact.received).toEqual(['a/1', 'a/2/1'])
  expect(requests).toEqual(['a/**'])
})

test('components that mount together open one stream with all their topics', async () => {
  const { clock, hub, requests, mount, publish } = createPage()
  const [red, blue, none] = [mount(['red']), mount(['blue', 'red']), mount()]
  await clock.runPending()
  expect(requests).toEqual(['red blue'])
  expect([red.state(), blue.state(), none.state()]).toEqual(['live', 'live', 'live'])
  await publish('1', 'red')
  await publish('2', 'blue')
  await publish('3')
  expect(red.received).toEqual(['1', '3'])
  expect(blue.received).toEqual(['1', '2', '3'])
  expect(none.received).toEqual(['3'])
  expect(hub.stats().connections).toBe(1)
})

test('a component with another topic reopens the stream where it is, without loss', async () => {
  const { clock, hub, requests, base, mount, publish } = createPage()
  const red = mount(['red'])
  await clock.runPending()
  await publish('1', 'red')
  const blue = mount(['blue'])
  await hub.publish({ topic: 'red' }, { data: '2' })
  await clock.runPending()
  await publish('3', 'blue')
  expect(requests).toEqual(['red', 'red blue'])
  expect(red.received).toEqual(['1', '2'])
  expect(blue.received).toEqual(['3'])
  expect(hub.stats().connections).toBe(1)
  expect(cursorOnPage({ ...base, topics: ['blue'] })).toMatch(/-3$/)
  mount(['red'])
  await clock.runPending()
  expect(requests).toHaveLength(2)
})

test('other topics of the same component reopen the stream once, without those of before', async () => {
  const { clock, hub, requests, mount } = createPage()
  const room = mount(['room-1'])
  await clock.runPending()
  room.unmount()
  mount(['room-2'])
  await clock.advance(10)
  expect(requests).toEqual(['room-1', 'room-2'])
  expect(hub.stats().connections).toBe(1)
})

test('topics that nobody may follow end only the component that follows them', async () => {
  const { clock, hub, requests, mount, publish, forbid } = createPage()
  forbid('secret')
  const news = mount(['news'])
  await clock.runPending()
  await publish('1', 'news')
  const secret = mount(['secret'])
  await clock.runPending()
  await publish('2', 'news')
  expect([news.state(), secret.state()]).toEqual(['live', 'ended'])
  expect(news.received).toEqual(['1', '2'])
  expect(requests).toEqual(['news', 'news secret', 'news', 'secret'])
  expect(hub.stats().connections).toBe(1)
  const again = mount(['secret'])
  await clock.runPending()
  expect(again.state()).toBe('ended')
  const sport = mount(['sport'])
  await clock.runPending()
  expect([news.state(), sport.state()]).toEqual(['live', 'live'])
})

test('a component that mounts later starts with what is retained at its topics', async () => {
  const { clock, hub, requests, mount, publish } = createPage()
  const retain = async (topic: string, data: string, key = 'price') => {
    await hub.publish({ topic }, { data, key, retain: true })
    await clock.runPending()
  }
  await retain('red', '1')
  await retain('blue', '2')
  const red = mount(['red'])
  await clock.runPending()
  await publish('3', 'red')
  const blue = mount(['blue'])
  await clock.runPending()
  await publish('4', 'blue')
  expect(red.received).toEqual(['1', '3'])
  expect(blue.received).toEqual(['2', '4'])
  await retain('red', '5')
  await retain('red', 'gone', 'other')
  await retain('red', '', 'other')
  const late = mount(['red'])
  await clock.runPending()
  expect(late.received).toEqual(['5'])
  const rows = [mount(['red']), mount(['red'])]
  await publish('6', 'red')
  await retain('red', '7', 'size')
  // The stream has just reopened: it does not for each row of a list.
  expect(requests).toEqual(['red', 'red blue', 'red blue'])
  expect(rows.map(({ received }) => received)).toEqual([
    ['6', '7'],
    ['6', '7'],
  ])
  await clock.advance(1_000)
  expect(requests).toHaveLength(4)
  expect(rows.map(({ received }) => received)).toEqual([
    ['6', '7', '5'],
    ['6', '7', '5'],
  ])
  expect(late.received).toEqual(['5', '6', '7'])
  expect(red.received).toEqual(['1', '3', '5', 'gone', '', '6', '7'])
})

test('without retained events, a component joins the stream as it is', async () => {
  const { clock, requests, mount, publish } = createPage()
  mount(['red'])
  await clock.advance(2_000)
  const late = mount(['red'])
  await publish('1', 'red')
  expect(late.received).toEqual(['1'])
  expect(requests).toEqual(['red'])
})

test('what is retained at two addresses that have no topic arrives from both', async () => {
  const { clock, hub, mount } = createPage()
  const retain = { key: 'count', data: 1, retain: true }
  await hub.publish({ client: 'alice' }, { event: 'unread', ...retain })
  await hub.publish('everyone', { event: 'version', ...retain })
  await hub.publish([{ topic: 'red' }, { topic: 'blue' }], { event: 'opened', ...retain })
  const { received } = mount(['red'])
  await clock.runPending()
  expect(received).toEqual(['1', '1', '1'])
})

test('a component that mounts after a gap is not given what was retained before', async () => {
  const { clock, hub, mount, publish, restart } = createPage()
  await hub.publish({ topic: 'red' }, { data: 'old', key: 'price', retain: true })
  const red = mount(['red'])
  await clock.runPending()
  expect(red.received).toEqual(['old'])
  await restart()
  const late = mount(['red'])
  await clock.runPending()
  await publish('new', 'red')
  expect(late.received).toEqual(['new'])
  expect(red.received).toEqual(['old', 'new'])
})

test.each(Array.from({ length: 30 }, (_, n) => n))(
  'components that come and go receive every event of their topics once and in order (seed %i)',
  async (seed) => {
    const { clock, mount, publish, forbid } = createPage()
    const random = seeded(seed)
    const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T
    const mounted: { component: Component; topics: readonly string[]; expected: string[] }[] = []
    /** What is retained, by topic and key. */
    const retained = new Map<string, string>()
    forbid('secret')
    for (let n = 0; n < 100; n += 1) {
      const act = random()
      if (act < 0.25) {
        const topics = [pick(['a', 'b', 'c', 'd', 'secret']), pick(['a', 'b', 'c', 'd'])]
        // Long enough for what is retained to be sent at once.
        clock.suspend(1_000)
        mounted.push({ component: mount(topics), topics, expected: [] })
        if (random() < 0.7) await clock.runPending()
      } else if (act < 0.4 && mounted.length > 0) {
        const [gone] = mounted.splice(Math.floor(random() * mounted.length), 1)
        gone?.component.unmount()
        if (random() < 0.7) await clock.advance(1)
      } else {
        await clock.runPending()
        const topic = pick(['a', 'b', 'c', 'd'])
        for (const { topics, expected } of mounted) {
          if (topics.includes(topic) && !topics.includes('secret')) expected.push(String(n))
        }
        const key = random() < 0.4 ? pick(['x', 'y']) : undefined
        if (key !== undefined) retained.set(`${topic} ${key}`, String(n))
        await publish(String(n), topic, { key, retain: key !== undefined })
      }
    }
    await clock.advance(1)
    for (const { component, topics, expected } of mounted) {
      const isForbidden = topics.includes('secret')
      expect(component.state()).toBe(isForbidden ? 'ended' : 'live')
      if (!isForbidden) expect(component.received.slice(-expected.length || 1e9)).toEqual(expected)
      expect(component.received).toEqual([...new Set(component.received)])
      if (isForbidden) continue
      const own = [...retained].filter(([place]) => topics.includes(place.split(' ')[0] ?? ''))
      expect(component.values).toEqual(new Map(own))
    }
  },
)

test('a stream that has ended opens again once its components are gone', async () => {
  const { clock, requests, mount, forbid } = createPage()
  forbid('secret')
  const first = mount(['secret'])
  await clock.runPending()
  expect(first.state()).toBe('ended')
  first.unmount()
  forbid('')
  const second = mount(['secret'])
  await clock.runPending()
  expect(second.state()).toBe('live')
  expect(requests).toHaveLength(2)
})

test('more topics than one stream carries take a second one', async () => {
  const { clock, requests, mount } = createPage()
  const topics = (prefix: string) => Array.from({ length: 30 }, (_, n) => `${prefix}-${n}`)
  const [one, two, small] = [mount(topics('a')), mount(topics('b')), mount(['c'])]
  await clock.runPending()
  expect(requests.map((names) => names.split(' ').length)).toEqual([31, 30])
  expect([one.state(), two.state(), small.state()]).toEqual(['live', 'live', 'live'])
})

test('another client has a stream of its own, and the last component closes the stream', async () => {
  const { clock, hub, mount } = createPage()
  const alice = mount()
  const bob = mount([], { client: 'bob' })
  await clock.runPending()
  expect(hub.stats().connections).toBe(2)
  alice.unmount()
  bob.unmount()
  expect(hub.stats().connections).toBe(2)
  await clock.advance(1)
  expect(hub.stats().connections).toBe(0)
  expect(alice.state()).toBeUndefined()
})

test('a component that is gone before the turn ends opens nothing', async () => {
  const { clock, requests, mount } = createPage()
  mount().unmount()
  await clock.advance(1)
  expect(requests).toEqual([])
  expect(clock.timers).toBe(0)
})

test('the functions of the last render are called, with the topics of all', async () => {
  const { clock, requests, base, mount } = createPage()
  const asked: unknown[] = []
  const ticketOf = (name: string) => async (request: object) => {
    asked.push({ name, ...request })
    return undefined
  }
  const errors: unknown[] = []
  mount(['red'], { ticket: ticketOf('first') })
  mount(['blue'], { ticket: ticketOf('second') })
  const onError = (error: unknown) => void errors.push(error)
  refreshOptions({ ...base, topics: ['blue'], ticket: ticketOf('third'), onError })
  await clock.runPending()
  expect(asked[0]).toEqual({ name: 'third', client: 'alice', topics: ['red', 'blue'] })
  expect(requests).toEqual([])
  expect(errors).toEqual([])
})

test('events of topics that only a ticket names reach every component', async () => {
  const { clock, hub, mount, base } = createPage()
  const send = (async (_: string, init?: RequestInit) =>
    await createApp({ hub, access: 'anyone' }).request(
      'http://hub/sse?id=alice&topic=own',
      init,
    )) as typeof fetch
  const component = mount([], { ...base, fetch: send, ticket: async () => 'ticket' })
  await clock.runPending()
  await hub.publish({ topic: 'own' }, { data: 'one' })
  await clock.runPending()
  expect(component.received).toEqual(['one'])
})

test('wrong options are an error when the component mounts', () => {
  const { mount } = createPage()
  expect(() => mount(undefined, { url: '' })).toThrow('connect requires url')
  expect(() => mount('news' as never)).toThrow(/topics .* array/)
})
