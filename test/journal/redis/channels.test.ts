/** Subscriptions are changed one after another at each key, and without waiting at others. */
import { expect, test } from 'vitest'
import { createChannelSubscriptions } from '../../../src/journal/redis/channels.ts'
import type { RedisConnection } from '../../../src/journal/redis/connection.ts'

/** A connection whose answers the test controls. */
function silentLink() {
  const asked: string[] = []
  const answers: (() => void)[] = []
  const ask = (what: string) =>
    new Promise<void>((resolve) => {
      asked.push(what)
      answers.push(resolve)
    })
  const link: Partial<RedisConnection> = {
    closed: false,
    subscribe: (channels) => ask(`+${channels}`),
    unsubscribe: (channel) => ask(`-${channel}`),
    close: () => {},
  }
  const answer = async () => {
    answers.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { link: link as RedisConnection, asked, answer }
}

const soon = () => new Promise((resolve) => setImmediate(resolve))

test('a subscriber that returns before Redis has confirmed its leaving ends up subscribed', async () => {
  const { link, asked, answer } = silentLink()
  const subscriptions = createChannelSubscriptions('on:')
  const moving = subscriptions.attach(link, ['all'])
  await answer()
  await moving
  subscriptions.subscribe('alice')
  subscriptions.unsubscribe('alice')
  subscriptions.subscribe('alice')
  subscriptions.subscribe('bob')
  await soon()
  expect(asked).toEqual(['+all', '+on:alice', '+on:bob'])
  let settled = false
  void subscriptions.confirmed(['alice']).then(() => {
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

test('a subscriber that leaves during a move to a new connection ends up unsubscribed', async () => {
  const { link, asked, answer } = silentLink()
  const subscriptions = createChannelSubscriptions('on:')
  subscriptions.subscribe('alice')
  const moving = subscriptions.attach(link, [])
  subscriptions.unsubscribe('alice')
  await soon()
  expect(asked).toEqual(['+on:alice'])
  await answer()
  await moving
  await soon()
  expect(asked).toEqual(['+on:alice', '-on:alice'])
})
