/** Whoever may listen as a client may stop what is published to it, and so may whoever publishes to it. */
import { HTTPException } from 'hono/http-exception'
import { expect, test } from 'vitest'
import type { Address } from '../../../src/core/address.ts'
import type { Access } from '../../../src/http/auth/authorizer.ts'
import { createAppHarness } from '../../support/app-harness.ts'
import { createAuthHarness, KEY } from '../../support/auth-harness.ts'

const PATH = '/clients/alice/stop?key=answer'
const POST = { method: 'POST' }

test.each([
  ['a publish key', (_: unknown) => KEY, 200],
  ['the client’s token', (sign: Sign) => sign({ sub: 'alice' }), 200],
  ['another client’s token', (sign: Sign) => sign({ sub: 'bob' }), 403],
  ['a token that may publish to it', (sign: Sign) => sign({ publish: ['client:alice'] }), 200],
  ['a token that may publish elsewhere', (sign: Sign) => sign({ publish: ['client:bob'] }), 403],
  ['no credential', () => undefined, 401],
])('%s: %#', async (_, credential, status) => {
  const { request, token } = createAuthHarness()
  const response = await request(PATH, await credential(token), POST)
  expect(response.status).toBe(status)
  if (status === 200) expect(await response.json()).toEqual({ stopped: 0 })
})

test('a ticket of the client is enough, and one of another client is not', async () => {
  const { request, ticket } = createAuthHarness()
  const own = await ticket({ client: 'alice' })
  expect((await request(`${PATH}&ticket=${own}`, undefined, POST)).status).toBe(200)
  const other = await ticket({ client: 'bob' })
  expect((await request(`${PATH}&ticket=${other}`, undefined, POST)).status).toBe(403)
})

test('a stop does not use up the ticket, and sets no cookie', async () => {
  const { request, ticket, listen } = createAuthHarness()
  const own = await ticket({ client: 'alice' })
  const stop = await request(`${PATH}&ticket=${own}`, undefined, POST)
  expect(stop.status).toBe(200)
  expect(stop.headers.get('Set-Cookie')).toBeNull()
  await listen(`/sse?ticket=${own}`)
})

test('a ticket that has expired stops nothing, unless its stream has a cookie', async () => {
  const { clock, request, ticket } = createAuthHarness()
  const own = await ticket({ client: 'alice' })
  const stream = await request(`/sse?ticket=${own}`)
  const [cookie = ''] = (stream.headers.get('Set-Cookie') ?? '').split(';')
  await clock.advance(31_000)
  expect((await request(`${PATH}&ticket=${own}`, undefined, POST)).status).toBe(401)
  const init = { ...POST, headers: { Cookie: cookie } }
  expect((await request(`${PATH}&ticket=${own}`, undefined, init)).status).toBe(200)
  await stream.body?.cancel()
})

test('a client that is blocked stops nothing', async () => {
  const { hub, request, ticket, token } = createAuthHarness()
  const own = await ticket({ client: 'alice' })
  await hub.disconnect('alice', 60_000)
  expect((await request(`${PATH}&ticket=${own}`, undefined, POST)).status).toBe(403)
  expect((await request(PATH, await token({ sub: 'alice' }), POST)).status).toBe(403)
  expect((await request(PATH, KEY, POST)).status).toBe(200)
})

test('stops count against the limit of publishing', async () => {
  const { request, token } = createAuthHarness({ config: { PUBLISHES_PER_MINUTE: 1 } })
  const alice = await token({ sub: 'alice' })
  expect((await request(PATH, alice, POST)).status).toBe(200)
  expect((await request(PATH, alice, POST)).status).toBe(429)
})

test('access of your own without a stop allows it to whoever may publish to the client', async () => {
  const publish = async (_: unknown, address: Address) => {
    if (JSON.stringify(address) === '{"client":"alice"}') return 'me'
    throw new HTTPException(403)
  }
  const access = {
    publish,
    listen: publish,
    operate: publish,
    issuer: publish,
  } as unknown as Access
  const { request } = createAppHarness({}, { access })
  expect((await request(PATH, POST)).status).toBe(200)
  expect((await request('/clients/bob/stop?key=k', POST)).status).toBe(403)
})

type Sign = ReturnType<typeof createAuthHarness>['token']
