/** A stop reaches every producer of its client and key, and no other; the end of the hub reaches all. */
import { expect, test } from 'vitest'
import { createProducers } from '../../../src/hub/piping/producers.ts'
import { manualClock } from '../../support/clock.ts'

function setUp() {
  const clock = manualClock()
  const producers = createProducers(clock)
  const ended: string[] = []
  return { clock, producers, ended, add }

  function add(name: string, keys: string | string[], key?: string) {
    return producers.add(keys, key, ({ ending }) => ended.push(`${name} ${ending}`))
  }
}

test('a stop ends those that publish to the client under the key, each once', () => {
  const { producers, ended, add } = setUp()
  const removeFirst = add('first', 'c:alice', 'k')
  add('several', ['c:bob', 't:news', 'c:alice'], 'k')
  add('other key', 'c:alice', 'k2')
  add('a topic', 't:alice', 'k')
  add('no key', 'c:alice')
  expect(producers.stop('alice', 'k')).toBe(2)
  expect(ended).toEqual(['first aborted', 'several aborted'])
  expect(producers.stop('alice', 'k')).toBe(0)
  expect(producers.stop('bob', 'k')).toBe(0)
  expect(producers.stop('news', 'k')).toBe(0)
  removeFirst()
  add('next', 'c:alice', 'k')
  removeFirst()
  expect(producers.stop('alice', 'k')).toBe(1)
})

test('a close ends all, waits for them, and ends at once those that come later', async () => {
  const { clock, producers, ended, add } = setUp()
  const removals = [add('keyed', 'c:alice', 'k'), add('other', 'e')]
  let isClosed = false
  const closed = producers.close(500).then(() => {
    isClosed = true
  })
  expect(ended).toEqual(['keyed closing', 'other closing'])
  removals[0]?.()
  await clock.runPending()
  expect(isClosed).toBe(false)
  removals[1]?.()
  await closed
  add('late', 'e')
  expect(ended.at(-1)).toBe('late closing')
})

test('a close does not wait for ever', async () => {
  const { clock, producers, add } = setUp()
  add('stuck', 'e')
  const closed = producers.close(500)
  await clock.advance(500)
  await closed
})
