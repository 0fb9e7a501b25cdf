/** What a journal has forgotten can't be used again: a ticket belongs to the epoch in which it was issued. */
import { expect, test } from 'vitest'
import {
  cookieOf,
  createAuthHarness,
  journalIn,
  statusOf,
  withCookie,
} from '../../support/auth-harness.ts'

test('a ticket that was used before a restart is refused after it, and its cookie is still accepted', async () => {
  const before = createAuthHarness()
  const path = `/sse?ticket=${await before.ticket({ client: 'alice' })}`
  const unused = `/sse?ticket=${await before.ticket({ client: 'alice' })}`
  const opened = await before.request(path)
  expect(opened.status).toBe(200)
  const after = createAuthHarness({ clock: before.clock })
  expect(await statusOf(after.request(path))).toBe(401)
  expect(await statusOf(after.request(path, undefined, { method: 'HEAD' }))).toBe(401)
  // Nobody can know that this one was not used.
  expect(await statusOf(after.request(unused))).toBe(401)
  expect(await statusOf(after.request(path, undefined, withCookie(cookieOf(opened))))).toBe(200)
  const next = await after.ticket({ client: 'alice' })
  expect(await statusOf(after.request(`/sse?ticket=${next}`))).toBe(200)
})

test('a ticket of an earlier epoch of the journal is refused, whatever the clocks say', async () => {
  const journal = { ...journalIn('one') }
  const set = createAuthHarness({ journal })
  const path = `/sse?ticket=${await set.ticket({ client: 'alice' })}`
  journal.head = journalIn('two').head
  expect(await statusOf(set.request(path))).toBe(401)
  await set.clock.advance(1_000)
  expect(await statusOf(set.request(`/sse?ticket=${await set.ticket({ client: 'alice' })}`))).toBe(
    200,
  )
})
