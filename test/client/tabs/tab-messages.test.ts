/** What foreign scripts say on the channel of the tabs changes nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTabWorld } from '../../support/tab-world.ts'

const STATE = {
  type: 'state',
  cursor: 'e-9',
  topics: ['news'],
  status: { state: 'waiting', until: 1, reason: 'No.' },
  backoff: { failures: 1, retryMs: 2_000 },
  asks: false,
}
const CHAIN = {
  type: 'chain',
  prev: 'e-8',
  id: 'e-9',
  event: { id: 'e-9', event: 'message', data: 'forged', topic: undefined },
  gap: { reason: 'epoch', earliest: 'e-9' },
}
const HELLO = { type: 'hello', topics: ['news'], wake: false }

const envelope = (message: unknown) => ({ v: 1, from: 'z', term: 9, message })

/** Valid messages with one field that is not. */
const MALFORMED: readonly unknown[] = [
  null,
  'hello',
  [],
  envelope(undefined),
  envelope({ type: 'other' }),
  { ...envelope(CHAIN), v: 2 },
  { ...envelope(CHAIN), from: 1 },
  { ...envelope(CHAIN), term: '9' },
  { ...envelope(CHAIN), term: Number.NaN },
  { ...envelope(CHAIN), term: 2 ** 53 },
  ...[{ topics: 'news' }, { topics: [1] }, { topics: Array(51).fill('a') }, { wake: 1 }].map(
    (field) => envelope({ ...HELLO, ...field }),
  ),
  ...[
    { cursor: 1 },
    { topics: {} },
    { asks: 'yes' },
    { status: null },
    { status: { state: 'other' } },
    { status: { state: 'live' } },
    { status: { state: 'live', client: 'alice', resume: 1 } },
    { status: { state: 'waiting', until: 'soon', reason: 'No.' } },
    { status: { state: 'waiting', until: 1 } },
    { backoff: undefined },
    { backoff: { failures: 1 } },
    { backoff: { failures: 1, retryMs: Number.NaN } },
    { status: { state: 'ended', reason: 'refused' } },
  ].map((field) => envelope({ ...STATE, ...field })),
  ...[
    { prev: 1 },
    { id: 1 },
    { id: 'e-10' },
    { event: null },
    { event: { ...CHAIN.event, data: {} } },
    { event: { ...CHAIN.event, event: undefined } },
    { event: { ...CHAIN.event, topic: 1 } },
    { gap: { reason: 'other', earliest: null } },
    { gap: { reason: 'epoch' } },
    { id: undefined, event: undefined },
  ].map((field) => envelope({ ...CHAIN, ...field })),
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
  const field = fc.oneof(
    fc.constantFrom('state', 'chain', 'hello', 'e-9', 1, null, true),
    fc.jsonValue(),
  )
  const names = ['type', 'topics', 'wake', 'cursor', 'status', 'asks', 'prev', 'id', 'event', 'gap']
  const message = fc.dictionary(fc.constantFrom(...names), field)
  // Whole messages with one field replaced.
  const nearly = fc
    .tuple(
      fc.constantFrom(STATE, CHAIN),
      fc.constantFrom('topics', 'status', 'event'),
      fc.integer(),
    )
    .map(([base, name, value]) => ({ ...base, type: base.type, asks: 1, prev: 1, [name]: value }))
  const anything = fc.oneof(
    fc.anything({ withDate: true }),
    fc.oneof(message, nearly).map(envelope),
  )
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
