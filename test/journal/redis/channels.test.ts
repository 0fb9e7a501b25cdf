/** Subscriptions are changed one after another at each key, and without waiting at others. */
import { expect, test } from 'vitest'
import { createChannelSubscriptions } from '../../../src/journal/redis/channels.ts'
import type { RedisConnection } from '../../../src/journal/redis/connection.ts'

/** A connection whose answers the test controls. */
function silentConnection() {
  const commands: string[] = []
  const answers: (() => void)[] = []
  const send = (what: string) =>
    new Promise<void>((resolve) => {
      commands.push(what)
      answers.push(resolve)
    })
  const link: Partial<RedisConnection> = {
    closed: false,
    subscribe: (channels) => send(`+${channels}`),
    unsubscribe: (channel) => send(`-${channel}`),
    close: () => {},
  }
  const answer = async () => {
    answers.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { link: link as RedisConnection, commands, answer }
}

const soon = () => new Promise((resolve) => setImmediate(resolve))

test('an address that is subscribed again before Redis confirms its unsubscribe ends up subscribed', async () => {
  const { link, commands, answer } = silentConnection()
  const subscriptions = createChannelSubscriptions('on:')
  const moving = subscriptions.attach(link, ['all'])
  await answer()
  await moving
  subscriptions.subscribe('alice')
  subscriptions.unsubscribe('alice')
  subscriptions.subscribe('alice')
  subscriptions.subscribe('bob')
  await soon()
  expect(commands).toEqual(['+all', '+on:alice', '+on:bob'])
  let settled = false
  void subscriptions.confirmed(['alice']).then(() => {
    settled = true
  })
  await answer()
  expect(commands.slice(3)).toEqual(['-on:alice'])
  await answer()
  await answer()
  expect(commands.slice(4)).toEqual(['+on:alice'])
  expect(settled).toBe(false)
  await answer()
  expect(settled).toBe(true)
})

test('an address that is unsubscribed during a move to a new connection ends up unsubscribed', async () => {
  const { link, commands, answer } = silentConnection()
  const subscriptions = createChannelSubscriptions('on:')
  subscriptions.subscribe('alice')
  const moving = subscriptions.attach(link, [])
  subscriptions.unsubscribe('alice')
  await soon()
  expect(commands).toEqual(['+on:alice'])
  await answer()
  await moving
  await soon()
  expect(commands).toEqual(['+on:alice', '-on:alice'])
})
