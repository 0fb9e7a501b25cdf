/** The feed delivers each event once, in order, and finds out whether an event of another epoch is its own. */
import { expect, test } from 'vitest'
import { positionOf } from '../../../../src/core/cursor.ts'
import { createFeed } from '../../../../src/journal/redis/pubsub/feed.ts'

/** A feed. Redis answers with the epochs that the test sends. */
function newFeed(followsPatterns = false) {
  const delivered: string[] = []
  const missed: ((key: string) => boolean)[] = []
  const errors: string[] = []
  const answers: { resolve(epoch: string): void; reject(error: Error): void }[] = []
  const state = { isBroken: false, headWhenMissed: '' }
  const feed = createFeed({
    start: positionOf('start', 0),
    handler: () => ({
      deliver: ({ keys, entry }) => {
        if (state.isBroken) throw new Error('broken')
        delivered.push(`${keys} ${entry?.id}`)
      },
      missed: (affects) => {
        missed.push(affects)
        state.headWhenMissed = feed.head.id
      },
      respond: () => null,
    }),
    followsPatterns: () => followsPatterns,
    fetchEpoch: () => new Promise((resolve, reject) => answers.push({ resolve, reject })),
    guard: (work) => {
      try {
        work()
      } catch (error) {
        errors.push((error as Error).message)
      }
    },
  })
  const receive = (key: string, ...ids: readonly string[]) =>
    feed.receive(key, new TextEncoder().encode(ids.map((id) => `${id}data: x\n\n`).join('')))
  return { feed, receive, delivered, missed, errors, answers, state }
}

/** A feed at position 5 of the epoch `e`. */
function recordedFeed(followsPatterns?: boolean) {
  const recorded = newFeed(followsPatterns)
  recorded.feed.moveTo('e', 5)
  return recorded
}

const soon = () => new Promise((resolve) => setImmediate(resolve))

test('a feed starts without an epoch, and moves', () => {
  const { feed } = newFeed()
  expect([feed.epoch, feed.head]).toEqual(['', { id: 'start-0', sequence: 0 }])
  feed.moveTo('e', 7)
  expect([feed.epoch, feed.head]).toEqual(['e', { id: 'e-7', sequence: 7 }])
})

test('events that are newer than the head are delivered once, and ephemeral ones always', () => {
  const { feed, receive, delivered, answers } = recordedFeed()
  receive('a', 'id: e-5\n', 'id: e-6\n', '', 'id: e-6\n')
  receive('b', 'id: e-4\n', 'id: e-8\n')
  expect(delivered).toEqual(['a e-6', 'a undefined', 'b e-8'])
  expect(feed.head).toEqual({ id: 'e-8', sequence: 8 })
  // Redis is not asked for its epoch.
  expect(answers).toEqual([])
})

test('an event that arrives at several keys is delivered once at each of them', () => {
  const { feed, receive, delivered } = recordedFeed()
  for (const key of ['a', 'b', 'b', 'c']) receive(key, 'id: e-6\n')
  receive('b', 'id: e-7\n')
  receive('c', 'id: e-6\n', 'id: e-7\n')
  feed.onHead('e-8')
  receive('d', 'id: e-7\n', 'id: e-8\n')
  expect(delivered).toEqual(['a e-6', 'b e-6', 'c e-6', 'b e-7', 'c e-7'])
})

test('the head includes an event that may arrive at further keys once it can’t any longer', () => {
  const { feed, receive } = recordedFeed(true)
  const positions = () => [feed.head.id, feed.newest]
  receive('t:a/b', 'id: e-6\n')
  expect(positions()).toEqual(['e-5', 6])
  receive('p:a/*', 'id: e-6\n')
  expect(positions()).toEqual(['e-5', 6])
  feed.onHead('e-6')
  expect(positions()).toEqual(['e-6', 6])
  receive('p:a/*', 'id: e-7\n')
  expect(positions()).toEqual(['e-6', 7])
  receive('c:x', 'id: e-8\n')
  expect(positions()).toEqual(['e-8', 8])
  receive('t:a/b', 'id: e-9\n')
  receive('c:x', '')
  expect(positions()).toEqual(['e-9', 9])
  receive('t:a/b', 'id: e-12\n')
  feed.moveTo('e', 12)
  expect(positions()).toEqual(['e-12', 12])
})

test('an event whose further keys this hub does not listen to is complete at once', () => {
  const { feed, receive } = recordedFeed(false)
  receive('t:a/b', 'id: e-6\n')
  expect(feed.head.id).toBe('e-6')
})

test('the head moves on alone, in its epoch, and never back', () => {
  const { feed } = recordedFeed()
  feed.onHead('e-9')
  feed.onHead('e-8')
  feed.onHead('f-20')
  expect(feed.head).toEqual({ id: 'e-9', sequence: 9 })
  expect(() => feed.onHead('nonsense')).toThrow()
})

test('an event that the hub fails to take is missed at its address', () => {
  const { feed, receive, missed, errors, state } = recordedFeed()
  state.isBroken = true
  receive('a', 'id: e-6\n')
  expect(errors).toEqual(['broken'])
  expect(missed.map((affects) => [affects('a'), affects('b')])).toEqual([[true, false]])
  // A connection that has not received it continues from before it.
  expect([state.headWhenMissed, feed.head.id]).toEqual(['e-5', 'e-6'])
})

test('an event of another epoch is reported if that epoch is not of this journal', async () => {
  const { feed, receive, delivered, errors, answers } = recordedFeed()
  receive('a', 'id: f-6\n', 'id: f-7\n')
  expect([answers.length, delivered, feed.head.id]).toEqual([1, [], 'e-5'])
  answers[0]?.resolve('e')
  await soon()
  expect(errors).toEqual(['An event of another journal arrived.'])
  receive('a', 'id: f-8\n')
  answers[1]?.resolve('f')
  await soon()
  receive('a', 'id: f-9\n')
  answers[2]?.reject(new Error('away'))
  await soon()
  expect([answers.length, errors.length, delivered]).toEqual([3, 1, []])
})
