/** The messages of control requests: what is sent, who has responded, and what can't be read. */
import { expect, test } from 'vitest'
import { createControlRequests } from '../../../../src/journal/redis/control/requests.ts'
import { manualClock } from '../../../support/clock.ts'

/** The requests of one hub. @param receivers - what Redis replies to each call; -1 if it stores too many */
function requestsOf({ receivers = [2], alive = 1, seen = 1 } = {}) {
  const calls: string[][] = []
  const published: [string, unknown][] = []
  const forgotten: string[] = []
  const clock = manualClock()
  const requests = createControlRequests({
    clock,
    allInstances: 'all',
    inbox: 'inbox',
    members: {
      alive,
      count: async () => ({ alive, seen }),
      leave: async () => {},
      forget: (request) => void forgotten.push(request),
    },
    call: async (_, args) => receivers[calls.push([...args]) - 1],
    publish: async (channel, message) => {
      published.push([channel, JSON.parse(message)])
      throw new Error('away')
    },
  })
  const respond = (message: unknown) => requests.onResponse(JSON.stringify(message))
  return { clock, requests, calls, published, forgotten, respond }
}

test('a request names its sender, is numbered, and is stored for whole milliseconds', async () => {
  const { clock, requests, calls, respond } = requestsOf({ receivers: [1, 0] })
  const first = requests.request({ about: 'a' }, 59_999.5)
  await clock.runPending()
  respond({ number: 1, body: 'done' })
  expect(await first).toEqual({ responses: ['done'], asked: 1 })
  expect(await requests.request('b', 0)).toEqual({ responses: [], asked: 1 })
  const bodies = [{ inbox: 'inbox', number: 1, body: { about: 'a' }, keepMs: 59_999.5 }]
  expect(calls).toEqual([
    ['all', JSON.stringify(bodies[0]), '{"about":"a"}', '60000'],
    ['all', '{"inbox":"inbox","number":2,"body":"b","keepMs":0}', '"b"', '0'],
  ])
  expect(clock.timers).toBe(0)
})

test.each([
  [{ receivers: [3], alive: 1 }, 3],
  [{ receivers: [3], alive: 30 }, 30],
])(
  'of %j hubs, %i were asked, and those that do not know the request send no response',
  async (hubs, asked) => {
    const { clock, requests, respond } = requestsOf(hubs)
    const result = requests.request('a', 0)
    await clock.runPending()
    respond({ number: 2, body: 'of another request' })
    respond({ number: 1, body: 'known' })
    respond({ number: 1 })
    respond({ number: 1, body: null })
    expect(await result).toEqual({ responses: ['known', null], asked })
  },
)

test.each([
  [{ receivers: [2], seen: 2 }, 'answered', ['"a"']],
  [{ receivers: [2], seen: 3 }, 'answered', []],
  [{ receivers: [3], seen: 2 }, 'answered', []],
  [{ receivers: [2], seen: 2 }, undefined, []],
] as const)(
  'a request to %j hubs until %s is forgotten when two respond: %j',
  async (hubs, until, expected) => {
    const { clock, requests, respond, forgotten } = requestsOf({
      ...hubs,
      receivers: [...hubs.receivers],
    })
    const result = requests.request('a', 60_000, until)
    await clock.runPending()
    respond({ number: 1, body: 'one' })
    respond({ number: 1, body: 'two' })
    await clock.advance(1_500)
    expect((await result).responses).toEqual(['one', 'two'])
    expect(forgotten).toEqual(expected)
  },
)

test('a request that can’t be stored is refused, unless it ends with its answers', async () => {
  const refused = requestsOf({ receivers: [-1] })
  await expect(refused.requests.request('a', 60_000)).rejects.toMatchObject({
    code: 'at-capacity',
    message: expect.stringContaining('too many'),
  })
  expect(refused.calls).toHaveLength(1)
  const sent = requestsOf({ receivers: [-1, 0] })
  expect(await sent.requests.request('a', 60_000, 'answered')).toEqual({ responses: [], asked: 1 })
  expect(sent.calls.map((args) => args.at(-1))).toEqual(['60000', '0'])
})

test.each(['null', '5', '"number"', '[]', '{}', '{"number":"1"}'])(
  '%s is no message',
  (message) => {
    const { requests } = requestsOf()
    expect(() => requests.onResponse(message)).toThrow('A control message lacks its number.')
    expect(() => requests.onRequest(message, () => null)).toThrow('lacks its number')
  },
)

test('a response goes to the sender, without a body if the hub fails', async () => {
  const { requests, published } = requestsOf()
  const seen: unknown[] = []
  const send = (message: unknown, respond = (...args: unknown[]): unknown => seen.push(args)) =>
    requests.onRequest(JSON.stringify(message), respond)
  send({ inbox: 'other', number: 7, body: 'a', keepMs: 100 })
  send({ inbox: 'other', number: 8, body: 'b', keepMs: '100' })
  expect(() =>
    send({ inbox: 'other', number: 9 }, () => {
      throw new Error('broken')
    }),
  ).toThrow('broken')
  expect(() => send({ inbox: 3, number: 10 })).toThrow('A control request lacks its sender.')
  expect(seen).toEqual([
    ['a', 100],
    ['b', 0],
  ])
  expect(published).toEqual([
    ['other', { number: 7, body: 1 }],
    ['other', { number: 8, body: 2 }],
    ['other', { number: 9 }],
  ])
})

test('a stored request that the hub does not know is an error', () => {
  const { requests } = requestsOf()
  const seen: unknown[] = []
  const stored = { text: '{"about":"a"}', remainingMs: 5 }
  requests.onStored(stored, (...args) => seen.push(args))
  expect(seen).toEqual([[{ about: 'a' }, 5]])
  expect(() => requests.onStored(stored, () => undefined)).toThrow('not known to this version')
})
