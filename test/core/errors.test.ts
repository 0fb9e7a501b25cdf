/** Errors: the status of each code, whether a retry may help, and errors of another copy of the package. */
import { Hono } from 'hono'
import { expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { checkRange, HubError, type HubErrorCode, isHubError } from '../../src/core/errors.ts'
import { createHub } from '../../src/hub/hub.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { createAppHarness, json, problemIn } from '../support/app-harness.ts'
import { manualClock } from '../support/clock.ts'

const STATUSES: Readonly<Record<HubErrorCode, number>> = {
  'invalid-address': 400,
  'invalid-event': 400,
  'event-too-large': 413,
  'at-capacity': 503,
  blocked: 503,
  'hub-closed': 503,
  'journal-unavailable': 503,
  'slow-consumer': 503,
  'idempotency-conflict': 422,
  'not-supported': 501,
  'invalid-option': 500,
}

test.each(Object.entries(STATUSES))('%s has the status %i', (code, status) => {
  const error = new HubError(code as HubErrorCode, 'Why.')
  expect(error).toMatchObject({ name: 'HubError', code, status, message: 'Why.' })
  expect(error.retryable).toBe(status === 503)
})

test.each<[HubErrorCode, string, string | null]>([
  ['invalid-address', 'Bad Request', null],
  ['event-too-large', 'Content Too Large', null],
  ['idempotency-conflict', 'Unprocessable Content', null],
  ['not-supported', 'Not Implemented', null],
  ['journal-unavailable', 'Service Unavailable', '2'],
  ['hub-closed', 'Service Unavailable', null],
])('in an app of your own, %s is answered with its problem', async (code, title, retryAfter) => {
  const app = new Hono().get('/', (c) => {
    c.header('Access-Control-Allow-Origin', '*')
    throw new HubError(code, 'Why.')
  })
  const response = await app.request('/')
  expect(response.status).toBe(STATUSES[code])
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  expect(response.headers.get('Retry-After')).toBe(retryAfter)
  expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
  const status = STATUSES[code]
  expect(await response.json()).toEqual({
    type: 'about:blank',
    title,
    status,
    detail: 'Why.',
    code,
  })
})

test('an event that is too large, or does not match its schema, is not the server’s failure', async () => {
  const hub = createHub({ events: { inbox: z.object({ unread: z.number() }) } })
  const app = new Hono().post('/', async (c) =>
    c.json(await hub.publish('everyone', await c.req.json())),
  )
  const post = (event: object) => app.request('/', { method: 'POST', body: JSON.stringify(event) })
  const invalid = await post({ event: 'inbox', data: { unread: 'many' } })
  expect(invalid.status).toBe(400)
  expect(await invalid.json()).toMatchObject({ issues: [{ path: 'data.unread' }] })
  const free = new Hono().get('/', async () => {
    await createHub().publish('everyone', { data: 'x'.repeat(300_000) })
    return new Response()
  })
  expect((await free.request('/')).status).toBe(413)
})

test('a mistake of the app is logged by its Hono, and its message stays in the log', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => log.mockRestore())
  const mistake = new HubError('invalid-option', 'A secret.')
  const app = new Hono().get('/', () => {
    throw mistake
  })
  const response = await app.request('/')
  expect([response.status, await response.text()]).toEqual([500, 'Internal Server Error'])
  expect(log.mock.calls).toEqual([[mistake]])
})

test('a range includes its ends, and ends at the largest safe integer by default', () => {
  for (const value of [1, 2, 3]) expect(() => checkRange('n', value, 1, 3)).not.toThrow()
  expect(() => checkRange('n', Number.MAX_SAFE_INTEGER, 1)).not.toThrow()
  for (const value of [0.9, 3.1, Number.NaN]) {
    expect(() => checkRange('n', value, 1, 3)).toThrow(
      expect.objectContaining({ name: 'HubError', code: 'invalid-option' }),
    )
  }
  expect(() => checkRange('n', Number.MAX_SAFE_INTEGER + 1, 1)).toThrow(HubError)
})

test('an error is a HubError also if another copy of the package threw it', async () => {
  vi.resetModules()
  const other = await import('../../src/core/errors.ts')
  const foreign: unknown = new other.HubError('hub-closed', 'Closed.')
  expect(foreign instanceof HubError).toBe(false)
  expect(isHubError(foreign)).toBe(true)
  expect(other.isHubError(new HubError('blocked', 'Blocked.'))).toBe(true)
})

test('an error has the mark by which all versions of the package know it', () => {
  expect(Object.hasOwn(new HubError('blocked', ''), Symbol.for('hono-sse.HubError'))).toBe(true)
})

test.each([undefined, null, 'hub-closed', {}, new Error('HubError'), { name: 'HubError' }])(
  '%o is no HubError',
  (value) => {
    expect(isHubError(value)).toBe(false)
  },
)

test('an error that a journal of another copy throws leads to its status', async () => {
  vi.resetModules()
  const other = await import('../../src/core/errors.ts')
  const append = () => {
    throw new other.HubError('journal-unavailable', 'The journal is away.')
  }
  const journal = { ...createMemoryJournal({ clock: manualClock() }), append }
  const { request, errors } = createAppHarness({ journal })
  const response = await request('/broadcast', json({ data: 'x' }))
  expect(await problemIn(response)).toMatchObject({ status: 503, detail: 'The journal is away.' })
  expect(errors).toEqual([])
})
