/** A token counts from its nbf to its exp, for its issuer, its audience and what it names. */
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import type { Permissions } from '../../../src/http/auth/permissions.ts'
import { createTokens, type TokensInit } from '../../../src/http/auth/tokens.ts'
import { SECRET } from '../../support/auth-harness.ts'
import { manualClock } from '../../support/clock.ts'

const clock = manualClock()
const now = clock.now() / 1_000
const good = { sub: 'alice', exp: now + 60 }

test('a valid token grants the permissions that it names, and never those of operators', async () => {
  const rights = await verify({ ...good, topics: ['news'], publish: ['everyone'] })
  expect(rights).toEqual({
    subject: 'token:alice',
    client: 'alice',
    topics: ['news'],
    publish: ['everyone'],
    operate: false,
    expiresAt: (now + 60) * 1_000,
  })
  const claims = { ...good, operate: true, subject: 'key', rights: '*' }
  expect(await verify(claims)).toMatchObject({ operate: false, subject: 'token:alice' })
})

test.each([1e13, 1e306, Number.MAX_VALUE])('exp %d is accepted', async (exp) => {
  const { expiresAt } = await verify({ ...good, exp })
  expect(expiresAt).toBe(Number.MAX_SAFE_INTEGER)
})

test('a token without claims grants nothing', async () => {
  expect(await verify({ exp: now + 60 })).toMatchObject({ topics: [], publish: [] })
  expect((await verify({ exp: now + 60 })).client).toBeUndefined()
})

describe('the time of a token', () => {
  test('one that expired more than 30 seconds ago is refused', async () => {
    expect(await statusOf({ ...good, exp: now - 31 })).toBe(401)
    expect(await statusOf({ ...good, exp: 0 })).toBe(401)
    expect(await statusOf({ ...good, exp: -1 })).toBe(401)
  })

  test('one that expired is accepted for another 30 seconds', async () => {
    const exp = now - 29
    expect((await verify({ ...good, exp })).expiresAt).toBe((exp + 30) * 1_000)
    expect((await verify({ ...good, exp: now })).expiresAt).toBe((now + 30) * 1_000)
  })

  test('one that begins in more than 30 seconds is refused, and one that begins sooner is accepted', async () => {
    expect(await statusOf({ ...good, nbf: now + 31 })).toBe(401)
    expect(await statusOf({ ...good, nbf: now + 29 })).toBe(200)
  })

  test.each([undefined, null, 'tomorrow', '9999999999', {}, [], true])(
    'one whose exp is %j is refused',
    async (exp) => {
      expect(await statusOf({ ...good, exp })).toBe(401)
    },
  )

  test('one whose nbf or iat is not a time is refused', async () => {
    expect(await statusOf({ ...good, nbf: 'now' })).toBe(401)
  })

  test('an exp far in the future is accepted', async () => {
    expect(await statusOf({ ...good, exp: 1e15 })).toBe(200)
    expect(await statusOf({ ...good, exp: Number.MAX_VALUE })).toBe(200)
  })
})

describe('issuer and audience', () => {
  const options = { issuer: 'https://login.example', audience: 'hub' }
  const meant = { ...good, iss: 'https://login.example', aud: 'hub' }

  test('a token of the issuer for this audience is accepted, also beside other audiences', async () => {
    expect(await statusOf(meant, options)).toBe(200)
    expect(await statusOf({ ...meant, aud: ['other', 'hub'] }, options)).toBe(200)
  })

  test.each([undefined, 'https://login.example/', 'https://evil.example', '', 7, null])(
    'a token whose iss is %j is refused',
    async (iss) => {
      expect(await statusOf({ ...meant, iss }, options)).toBe(401)
    },
  )

  test.each([undefined, 'hub2', 'HUB', '', [], ['other'], 7, null, { hub: true }])(
    'a token whose aud is %j is refused',
    async (aud) => {
      expect(await statusOf({ ...meant, aud }, options)).toBe(401)
    },
  )

  test('issuer and audience are not checked unless configured', async () => {
    expect(await statusOf({ ...good, iss: 'anyone', aud: 'any' })).toBe(200)
  })

  test('the refusal names the claim and not its value', async () => {
    const refusal = await refusalOf({ ...meant, iss: 'https://evil.example' }, options)
    expect(refusal).toContain('iss')
    expect(refusal).not.toContain('evil')
  })
})

describe('sub', () => {
  test.each(['a', '🙂'.repeat(128), 'a b', '__proto__', 'constructor', '%0A', '../x'])(
    '%j is a client id',
    async (sub) => {
      expect((await verify({ ...good, sub })).client).toBe(sub)
    },
  )

  test.each(['', 'x'.repeat(129), 'a\nb', 'a\r', 'nul\0', '\ud800', 7, null, {}, ['alice'], true])(
    '%j is refused',
    async (sub) => {
      expect(await statusOf({ ...good, sub })).toBe(401)
    },
  )
})

describe.each(['topics', 'publish'] as const)('%s', (claim) => {
  test('"*" stands for all', async () => {
    expect((await verify({ ...good, [claim]: '*' }))[claim]).toBe('*')
  })

  test.each([
    ...['news', '**', '', null, 7, {}, true],
    ...[['*'], ['everyone', '*'], ['news', 7], [['*']], [''], ['**'], [' *', '* ']],
    Array.from({ length: 1_001 }, () => (claim === 'topics' ? 'news' : 'topic:news')),
  ])('%j is refused', async (list) => {
    expect(await statusOf({ ...good, [claim]: list })).toBe(401)
  })

  test('accepts every valid topic or client id', async () => {
    const longest = '🙂'.repeat(128)
    const list = claim === 'topics' ? [longest] : [`topic:${longest}`, `client:${longest}`]
    expect((await verify({ ...good, [claim]: list }))[claim]).toEqual(list)
  })
})

test.each([[], ['news'], ['orders/*', 'orders/**', '/*'], [`${'a/'.repeat(20)}*`]])(
  'topics that are %j stand for themselves',
  async (...topics) => {
    expect((await verify({ ...good, topics })).topics).toEqual(topics)
  },
)

test.each([['a*'], ['news', 'a/*/b'], ['a/***'], ['*/a'], ['.'], ['a\n'], ['x'.repeat(129)]])(
  'topics that are %j can never be followed, and are refused',
  async (...topics) => {
    expect(await statusOf({ ...good, topics })).toBe(401)
  },
)

test.each([
  [[]],
  [['everyone', 'client:*', 'topic:*']],
  [['topic:orders/*', 'topic:orders/**', 'topic:a:b', 'client:client:a']],
  [['client:a*', 'client:c/*']],
])('publish %j stands for itself', async (publish) => {
  expect((await verify({ ...good, publish })).publish).toEqual(publish)
})

test.each([
  ...['orders/*', 'alice', 'Everyone', '/broadcast', 'clients/alice', 'Client:alice'],
  ...['client:', 'topic:', 'topic:a*', 'topic:**', 'topic:.', 'client:..', 'client:a\n'],
])('publish that has %j can never match, and is refused', async (name) => {
  expect(await statusOf({ ...good, publish: ['everyone', name] })).toBe(401)
})

test('__proto__ in claims grants no permissions', async () => {
  const payload = JSON.parse(
    '{"sub":"alice","__proto__":{"publish":"*","topics":"*","operate":true}}',
  )
  const rights = await verify({ ...payload, exp: now + 60 })
  expect(rights).toMatchObject({ publish: [], topics: [], operate: false })
  expect(Object.hasOwn(Object.prototype, 'operate')).toBe(false)
})

async function verify(claims: object, options: Partial<TokensInit> = {}): Promise<Permissions> {
  const jwt = new SignJWT({ ...claims } as Record<string, unknown>)
  const token = await jwt
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET))
  return await createTokens({ secret: SECRET, clock, ...options }).verify(token)
}

async function statusOf(claims: object, options?: Partial<TokensInit>): Promise<unknown> {
  try {
    await verify(claims, options)
    return 200
  } catch (error) {
    return error instanceof Error && 'status' in error ? error.status : error
  }
}

async function refusalOf(claims: object, options: Partial<TokensInit>): Promise<string> {
  try {
    await verify(claims, options)
    return ''
  } catch (error) {
    return String(error)
  }
}
