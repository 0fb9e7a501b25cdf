/** A link sends few messages, none of them large, and no more than the other end has confirmed. */
import { expect, test } from 'vitest'
import { createLink, type Link, type LinkMessage } from '../../../src/journal/ipc/link.ts'
import { type ManualClock, manualClock } from '../../support/clock.ts'

interface Ends {
  readonly clock: ManualClock
  readonly one: Link<unknown>
  readonly other: Link<unknown>
  readonly sent: readonly LinkMessage[]
  readonly received: readonly unknown[]
  readonly errors: readonly unknown[]
  /** What one sends no longer arrives. */
  cut(): void
}

function connect(receive: (item: unknown) => void = () => {}): Ends {
  const clock = manualClock()
  const sent: LinkMessage[] = []
  const received: unknown[] = []
  const errors: unknown[] = []
  let isCut = false
  const common = { clock, onError: (error: unknown) => void errors.push(error) }
  const one: Link<unknown> = createLink({
    ...common,
    receive: () => {},
    post: (message) => {
      sent.push(message)
      if (!isCut) clock.soon(() => other.onMessage(message))
    },
  })
  const other: Link<unknown> = createLink({
    ...common,
    receive: (item) => {
      received.push(item)
      receive(item)
    },
    post: (message) => clock.soon(() => one.onMessage(message)),
  })
  const cut = () => {
    isCut = true
  }
  return { clock, one, other, sent, received, errors, cut }
}

test('items of one turn arrive in one message, in order', async () => {
  const { clock, one, sent, received } = connect()
  for (let n = 0; n < 100; n++) one.send(n)
  await clock.runPending()
  expect(sent).toHaveLength(1)
  expect(received).toEqual(Array.from({ length: 100 }, (_, n) => n))
})

test('much data is split into messages, so that the receiver can do other work in between', async () => {
  const { clock, one, sent, received } = connect()
  for (let n = 0; n < 1_000; n++) one.send(n, 10_000)
  await clock.runPending()
  expect(received).toEqual(Array.from({ length: 1_000 }, (_, n) => n))
  expect(Math.max(...sent.map(({ items }) => items.length))).toBe(26)
})

test('no more than 4 MiB are on their way until the other end confirms', async () => {
  const { clock, one, sent, cut } = connect()
  cut()
  for (let n = 0; n < 1_000; n++) one.send(n, 10_000)
  await clock.runPending()
  const items = sent.flatMap((message) => message.items).length
  expect(items).toBe(Math.ceil(4_194_304 / 10_032))
  expect(one.pendingBytes).toBe(1_000 * 10_032)
})

test('a single item may be larger than all bounds', async () => {
  const { clock, one, received } = connect()
  one.send('large', 10_000_000)
  one.send('next')
  await clock.runPending()
  expect(received).toEqual(['large', 'next'])
})

test('a probe is confirmed, and with it all that was sent before', async () => {
  const { clock, one } = connect()
  one.send('a', 100)
  await clock.runPending()
  const { mark } = one
  expect(one.pendingBytes).toBeGreaterThan(0)
  one.probe()
  await clock.runPending()
  expect([one.pendingBytes, one.confirmed]).toEqual([0, mark])
})

test('small messages in one direction need no confirmation each', async () => {
  const { clock, one, sent } = connect()
  for (let n = 0; n < 50; n++) {
    one.send(n, 100)
    await clock.runPending()
  }
  expect(sent.filter(({ ask }) => ask !== undefined)).toEqual([])
})

test('an item whose receiver fails is reported, and the next one arrives', async () => {
  const { clock, one, received, errors } = connect((item) => {
    if (item === 'bad') throw new Error('bad')
  })
  one.send('bad')
  one.send('good')
  await clock.runPending()
  expect(received).toEqual(['bad', 'good'])
  expect(errors).toEqual([new Error('bad')])
})
