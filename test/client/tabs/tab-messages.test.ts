/** What foreign scripts say on the channel of the tabs changes nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTabWorld } from '../../support/tab-world.ts'

const STATE = {
  leader: 1e300,
  topics: ['news'],
  status: { state: 'waiting', until: 1, reason: 'No.' },
  backoff: { failures: 1, retryMs: 2_000 },
  asks: false,
  retains: false,
  prev: 'e-8',
}
const STEP = {
  ...STATE,
  id: 'e-9',
  event: { id: 'e-9', event: 'message', data: 'forged', topic: undefined },
  gap: { reason: 'epoch', earliest: 'e-9' },
}
const HELLO = { topics: ['news'], wake: false, retains: false }

/** Valid messages with one field that is not. */
const MALFORMED: readonly unknown[] = [
  null,
  'hello',
  [],
  undefined,
  { ...HELLO, topics: undefined },
  ...[{ topics: 'news' }, { topics: [1] }, { topics: Array(51).fill('a') }, { wake: 1 }].map(
    (field) => ({ ...HELLO, ...field }),
  ),
  ...[
    { leader: '1' },
    { leader: undefined },
    { leader: Number.NaN },
    { topics: {} },
    { asks: 'yes' },
    { status: null },
    { status: { state: 'other' } },
    { status: { state: 'constructor' } },
    { status: { state: { toString: null } } },
    { status: { state: 'live' } },
    { status: { state: 'live', client: 'alice', resume: 1 } },
    { status: { state: 'waiting', until: 'soon', reason: 'No.' } },
    { status: { state: 'waiting', until: 1 } },
    { status: { state: 'waiting', until: -1, reason: 'No.' } },
    { status: { state: 'ended', reason: 'refused' } },
    { status: { state: 'ended', reason: 'blocked' } },
    { backoff: undefined },
    { backoff: { failures: 1 } },
    { backoff: { failures: 1, retryMs: Number.NaN } },
    { backoff: { failures: -9, retryMs: 2_000 } },
    { prev: 1 },
    { id: 1 },
    { id: 'e-10' },
    { event: null },
    { event: { ...STEP.event, data: {} } },
    { event: { ...STEP.event, event: undefined } },
    { event: { ...STEP.event, topic: 1 } },
    { gap: { reason: 'other', earliest: null } },
    { gap: { reason: 'epoch' } },
    { id: undefined, event: undefined },
  ].map((field) => ({ ...STEP, ...field })),
]

test('malformed messages and those of another version change nothing', async () => {
  const world = createTabWorld()
  const tabs = [await world.openTab(), await world.openTab()]
  await world.publish('one')
  const statuses = tabs.map(({ stream }) => stream.status)
  const opened = world.requests.length
  for (const message of MALFORMED) await world.say(message)
  await world.clock.advance(20_000)
  await world.publish('two')
  for (const [n, { received, gaps, stream }] of tabs.entries()) {
    expect(received).toEqual(['one', 'two'])
    expect(gaps).toEqual([])
    expect(stream.status).toEqual(statuses[n])
  }
  expect(world.requests.length).toBe(opened)
})

test('random messages change nothing, and cost no event', async () => {
  const world = createTabWorld()
  const tabs = [await world.openTab(), await world.openTab()]
  const expected: string[] = []
  const field = fc.oneof(fc.constantFrom('live', 'e-9', 1, null, true), fc.jsonValue())
  const names = ['leader', 'topics', 'wake', 'status', 'asks', 'prev', 'id', 'event', 'gap']
  const message = fc.dictionary(fc.constantFrom(...names), field)
  // Whole messages with one field replaced.
  const nearly = fc
    .tuple(fc.constantFrom(STATE, STEP), fc.constantFrom('topics', 'status', 'event'), fc.integer())
    .map(([base, name, value]) => ({ ...base, asks: 1, prev: 1, [name]: value }))
  const anything = fc.oneof(fc.anything({ withDate: true }), message, nearly)
  await fc.assert(
    fc.asyncProperty(anything, async (forged) => {
      await world.say(forged)
      expected.push(String(expected.length))
      await world.publish(`${expected.length - 1}`)
      for (const { received } of tabs) expect(received).toEqual(expected)
    }),
    { numRuns: 100 },
  )
  for (const { gaps } of tabs) expect(gaps).toEqual([])
  expect(world.connections()).toBe(1)
})

test('one valid message of a foreign script ends no sharing, and costs no event', async () => {
  const world = createTabWorld()
  const tabs = [await world.openTab(), await world.openTab(), await world.openTab()]
  const expected: string[] = []
  const status = { state: 'live', client: 'mallory', resume: 'fresh' }
  const forged = [
    { ...STATE, topics: [] },
    { ...STATE, topics: [], status, prev: 'zz-1', asks: true },
    { ...STATE, status, backoff: { failures: 2 ** 53, retryMs: 2 ** 53 } },
    { ...STEP, event: undefined, gap: undefined, id: 'zz-99', prev: 'zz-98' },
    { ...HELLO, wake: true },
    { ...HELLO, topics: Array.from({ length: 50 }, (_, n) => `room-${n}`) },
  ]
  for (const message of forged) {
    await world.say(message)
    await world.clock.advance(20_000)
    expected.push(String(expected.length))
    await world.publish(`${expected.length - 1}`)
    for (const { received, stream } of tabs) {
      expect(received).toEqual(expected)
      expect(stream.status).toMatchObject({ state: 'live', client: 'alice' })
    }
  }
  for (const { gaps } of tabs) expect(gaps).toEqual([])
  await world.clock.advance(60_000)
  expect(world.connections()).toBe(1)
})
