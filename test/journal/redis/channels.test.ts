/** Subscriptions are changed one after another at each key, and without waiting at others. */
import { expect, test } from 'vitest'
import { createSubscriptions } from '../../../src/journal/redis/channels.ts'
import type { Link } from '../../../src/journal/redis/connection.ts'

/** A link whose answers come when the test says so. */
function silentLink() {
  const asked: string[] = []
  const answers: (() => void)[] = []
  const ask = (what: string) =>
    new Promise<void>((resolve) => {
      asked.push(what)
      answers.push(resolve)
    })
  const link: Partial<Link> = {
    lost: false,
    subscribe: (channels) => ask(`+${channels}`),
    unsubscribe: (channel) => ask(`-${channel}`),
    drop: () => {},
  }
  const answer = async () => {
    answers.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { link: link as Link, asked, answer }
}

const soon = () => new Promise((resolve) => setImmediate(resolve))

test('who comes back before Redis has said that it left is on the channel in the end', async () => {
  const { link, asked, answer } = silentLink()
  const subscriptions = createSubscriptions('on:')
  const moving = subscriptions.move(link, ['all'])
  await answer()
  await moving
  subscriptions.watch('alice')
  subscriptions.unwatch('alice')
  subscriptions.watch('alice')
  subscriptions.watch('bob')
  await soon()
  expect(asked).toEqual(['+all', '+on:alice', '+on:bob'])
  let settled = false
  void subscriptions.settled(['alice']).then(() => {
    settled = true
  })
  await answer()
  expect(asked.slice(3)).toEqual(['-on:alice'])
  await answer()
  await answer()
  expect(asked.slice(4)).toEqual(['+on:alice'])
  expect(settled).toBe(false)
  await answer()
  expect(settled).toBe(true)
})

test('who leaves while all is taken to a new link is not left on it', async () => {
  const { link, asked, answer } = silentLink()
  const subscriptions = createSubscriptions('on:')
  subscriptions.watch('alice')
  const moving = subscriptions.move(link, [])
  subscriptions.unwatch('alice')
  await soon()
  expect(asked).toEqual(['+on:alice'])
  await answer()
  await moving
  await soon()
  expect(asked).toEqual(['+on:alice', '-on:alice'])
})
