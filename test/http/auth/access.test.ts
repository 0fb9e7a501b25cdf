/** createAccess builds all of access control from a hub and plain options, and rejects unsafe ones. */
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { type AccessOptions, createAccess } from '../../../src/http/auth/access.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import { journalIn, KEY, SECRET, statusOf } from '../../support/auth-harness.ts'
import { manualClock } from '../../support/clock.ts'

const clock = manualClock()

function appWith(options: Omit<AccessOptions, 'hub'>) {
  const hub = createHub({ clock, journal: journalIn('shared') })
  return createApp({ hub, access: createAccess({ hub, clock, ...options }) })
}

type App = ReturnType<typeof appWith>

function issue(app: App, credential = KEY): Promise<Response> {
  const headers = { Authorization: `Bearer ${credential}`, 'Content-Type': 'application/json' }
  const body = JSON.stringify({ client: 'alice', topics: ['news'] })
  return Promise.resolve(app.request('/tickets', { method: 'POST', headers, body }))
}

async function listen(app: App, issued: Promise<Response>): Promise<number> {
  const { ticket } = (await (await issued).json()) as { ticket: string }
  return await statusOf(Promise.resolve(app.request(`/sse?ticket=${ticket}`)))
}

function tokenOf(claims: Record<string, unknown>): Promise<string> {
  const jwt = new SignJWT({ exp: clock.now() / 1_000 + 60, ...claims })
  return jwt.setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(SECRET))
}

test('keys alone are enough: they publish, and issue tickets that they sign', async () => {
  const app = appWith({ keys: [KEY] })
  const headers = { Authorization: `Bearer ${KEY}` }
  expect((await app.request('/ping/alice', { method: 'POST', headers })).status).toBe(200)
  expect((await app.request('/ping/alice', { method: 'POST' })).status).toBe(401)
  expect(await listen(app, issue(app))).toBe(200)
})

test('a JWT secret alone is enough: it verifies tokens and signs tickets', async () => {
  const app = appWith({ jwt: { secret: SECRET, audience: 'here' } })
  const token = await tokenOf({ sub: 'alice', publish: '*', aud: 'here' })
  expect(await listen(app, issue(app, token))).toBe(200)
  expect((await issue(app, await tokenOf({ publish: '*', aud: 'elsewhere' }))).status).toBe(401)
})

test('tickets can have secrets of their own', async () => {
  const [one, other] = ['1'.repeat(32), '2'.repeat(32)]
  const old = appWith({ keys: [KEY], tickets: { secrets: [one] } })
  const rotated = appWith({ keys: ['another-key-0123456789'], tickets: { secrets: [other, one] } })
  expect(await listen(rotated, issue(old))).toBe(200)
  expect(await listen(appWith({ keys: [KEY] }), issue(old))).toBe(401)
})

test('tickets can be turned off, and are off without a secret to sign them', async () => {
  const off = appWith({ keys: [KEY], tickets: false })
  expect((await issue(off)).status).toBe(403)
  expect((await off.request('/sse?ticket=x')).status).toBe(401)
  const remote = appWith({ jwt: { jwksUrl: 'http://localhost:1/keys' } })
  expect((await remote.request('/sse?ticket=x')).status).toBe(401)
})

test('isSecure decides whether the cookie of a ticket is Secure', async () => {
  const app = appWith({ keys: [KEY], tickets: { isSecure: () => true } })
  const { ticket } = (await (await issue(app)).json()) as { ticket: string }
  const response = await app.request(`/sse?ticket=${ticket}`)
  expect(response.headers.get('Set-Cookie')).toContain('Secure')
  await response.body?.cancel()
})

const jwtWith = (wrong: object) => ({ jwt: { secret: SECRET, ...wrong } })
const ticketsWith = (wrong: object) => ({ keys: [KEY], tickets: wrong })

describe('options that are unsafe or useless are rejected', () => {
  test.each<[RegExp, Omit<AccessOptions, 'hub'>]>([
    [/keys or jwt/, {}],
    [/keys or jwt/, { keys: [] }],
    [/keys must have 16/, { keys: [KEY, ''] }],
    [/keys must have 16/, { keys: ['with a space in the key'] }],
    [/exactly one/, { jwt: {} }],
    [/exactly one/, { jwt: { secret: SECRET, jwksUrl: 'https://issuer.example/keys' } }],
    [/jwt\.secret must have 32/, { jwt: { secret: 'short' } }],
    [/jwt\.jwksUrl must be an https URL/, { jwt: { jwksUrl: 'http://issuer.example/keys' } }],
    [/tickets\.secrets is empty/, { keys: [KEY], tickets: { secrets: [] } }],
    [/tickets\.secrets must have 32/, { keys: [KEY], tickets: { secrets: ['short'] } }],
    [/createAccess has no option "key"/, { keys: [KEY], key: KEY } as object],
    [/jwt of createAccess has no option "audiense"/, jwtWith({ audiense: 'my-app' })],
    [/audience of jwt .* must be a string/, jwtWith({ audience: ['my-app'] })],
    [/jwt of createAccess must be an object/, { keys: [KEY], jwt: 'secret' } as object],
    [/tickets of createAccess has no option "isSecured"/, ticketsWith({ isSecured: () => true })],
    [/isSecure of tickets .* must be a function/, ticketsWith({ isSecure: true })],
    [/tickets of createAccess must be an object/, { keys: [KEY], tickets: true } as object],
    [/keys of createAccess must be an array/, { keys: KEY } as object],
    [/secrets of tickets .* must be an array/, ticketsWith({ secrets: SECRET })],
  ])('%s', (message, options) => {
    expect(() => appWith(options)).toThrow(message)
    expect(() => appWith(options)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })

  test('a hub from another copy of the package', () => {
    expect(() => createAccess({ hub: {} as Hub, keys: [KEY] })).toThrow(TypeError)
  })
})
