/** The primary is the one that most Sentinels name. */
import type { createClient } from '@redis/client'
import { expect, test } from 'vitest'
import { findPrimary } from '../../../src/journal/redis/redis-url.ts'

type Answer = readonly string[] | null | Error

/** Sentinels `s1`, `s2` and so on, which give these answers. */
function sentinels(...answers: readonly Answer[]) {
  const options: { readonly url: string }[] = []
  const commands: unknown[] = []
  const handled: string[] = []
  let destroyed = 0
  const create = (given: { readonly url: string }) => {
    const answer = answers[options.push(given) - 1] ?? null
    return {
      on: (event: string, listener: (error: Error) => void) => {
        handled.push(event)
        listener(new Error('must be handled'))
      },
      connect: async () => {
        if (answer instanceof Error) throw answer
      },
      sendCommand: async (command: unknown) => {
        commands.push(command)
        return answer
      },
      destroy: () => {
        destroyed += 1
      },
    }
  }
  const names = answers.map((_, n) => `s${n + 1}`)
  const url = `redis+sentinel://${names.join(',')}/main/2`
  const found = findPrimary(url, create as unknown as typeof createClient)
  return { found, options, commands, handled, destroyed: () => destroyed }
}

test.each(['redis://localhost', 'nonsense'])(
  'without Sentinels, %s is asked itself',
  async (url) => {
    const create = () => {
      throw new Error('A client was created.')
    }
    expect(await findPrimary(url, create as unknown as typeof createClient)).toBe(url)
  },
)

test('all Sentinels are asked at once, for a second at most', async () => {
  const { found, options, commands, handled, destroyed } = sentinels(
    ['10.0.0.1', '6379'],
    ['::1', '6380'],
  )
  await found
  const common = {
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false, connectTimeout: 1_000, socketTimeout: 1_000 },
  }
  expect(options).toEqual([
    { url: 'redis://s1:26379', ...common },
    { url: 'redis://s2:26379', ...common },
  ])
  expect(commands).toEqual(Array(2).fill(['SENTINEL', 'get-master-addr-by-name', 'main']))
  expect([handled, destroyed()]).toEqual([['error', 'error'], 2])
})

const one = ['10.0.0.1', '6379']
const two = ['::1', '6379']
const away = new Error('away')

test.each<[readonly Answer[], string]>([
  [[one, two, two], 'redis://[::1]:6379/2'],
  [[one, two, one], 'redis://10.0.0.1:6379/2'],
  [[one, one, two], 'redis://10.0.0.1:6379/2'],
  [[null, null, one], 'redis://10.0.0.1:6379/2'],
  [[away, away, two], 'redis://[::1]:6379/2'],
])('of the answers %j the primary is %s', async (answers, primary) => {
  expect(await sentinels(...answers).found).toBe(primary)
})

test.each<[readonly Answer[], string]>([
  [[null, null], 'The Sentinels know no primary named main.'],
  [[away, null], 'The Sentinels know no primary named main.'],
  [[away, new Error('other')], 'away'],
])('of the answers %j the error is %j', async (answers, message) => {
  const { found, destroyed } = sentinels(...answers)
  await expect(found).rejects.toMatchObject({ message })
  expect(destroyed()).toBe(answers.length)
})
