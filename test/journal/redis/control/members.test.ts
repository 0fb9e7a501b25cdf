/** Members count themselves among the instances that were seen. */
import { expect, test } from 'vitest'
import { createMembers } from '../../../../src/journal/redis/control/members.ts'
import { MEMBERS, REMOVE } from '../../../../src/journal/redis/scripts/membership.ts'

function recordedMembers(run: () => Promise<unknown>) {
  const calls: unknown[][] = []
  const members = createMembers({
    tag: '{p}',
    instance: 'me',
    run: (script, key, args) => {
      calls.push([script, key, ...args])
      return run()
    },
  })
  return { members, calls }
}

test('an instance counts those seen within a minute, and within a longer time', async () => {
  const { members, calls } = recordedMembers(async () => [3, 5])
  expect(members.alive).toBe(1)
  expect(await members.count(0)).toEqual({ alive: 3, seen: 5 })
  expect(members.alive).toBe(3)
  await members.count(90_000.5)
  expect(calls).toEqual([
    [MEMBERS, '{p}:members', 'me', '60000', '60000'],
    [MEMBERS, '{p}:members', 'me', '60000', '90001'],
  ])
})

test('an instance leaves, and a request is forgotten, also when Redis can’t be reached', async () => {
  const { members, calls } = recordedMembers(() => Promise.reject(new Error('away')))
  await members.leave()
  members.forget('request')
  expect(calls).toEqual([
    [REMOVE, '{p}:members', 'me'],
    [REMOVE, '{p}:requests', 'request'],
  ])
})
