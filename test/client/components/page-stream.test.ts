/** What a component has received of what is retained. */
import { expect, test } from 'vitest'
import { isNew, type PageMember } from '../../../src/client/components/page-stream.ts'
import type { ReceivedEvent } from '../../../src/client/stream-types.ts'

function createMember(phase: PageMember['phase']) {
  return { phase, received: new Map() } as PageMember
}

const retained = { event: 'job', data: '1', key: 'a', retained: true } as ReceivedEvent

test('nothing is stored of retained events once a stream has sent what it starts with', () => {
  const member = createMember('starting')
  expect(isNew(member, retained)).toBe(true)
  expect(isNew(member, retained)).toBe(false)
  expect(isNew(member, { ...retained, key: 'b', id: 'e-1' })).toBe(true)
  expect(isNew(member, { ...retained, key: 'c', id: 'e-2' })).toBe(true)
  expect(isNew(member, retained)).toBe(false)
  expect(member.received.size).toBe(0)
})

test('a component that waits for what is retained does not receive it twice', () => {
  const member = createMember('waiting')
  expect(isNew(member, { ...retained, id: 'e-1' })).toBe(true)
  member.phase = 'starting'
  expect(isNew(member, retained)).toBe(false)
  expect(isNew(member, { ...retained, data: '2' })).toBe(true)
})
