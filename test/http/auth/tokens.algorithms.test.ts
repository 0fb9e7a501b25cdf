/** Each kind of key has its own algorithms: no token is verified by a key of another kind. */
import { createHmac } from 'node:crypto'
import { exportSPKI, importJWK, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTokens, type Tokens } from '../../../src/http/auth/tokens.ts'
import { SECRET } from '../../support/auth-harness.ts'
import { manualClock } from '../../support/clock.ts'
import {
  createKeyPair,
  type Issuer,
  type KeyPair,
  startIssuer,
} from '../../support/token-issuer.ts'

const clock = manualClock()
const claims = { sub: 'alice', exp: clock.now() / 1_000 + 3_600 }
let rsa: KeyPair
let ec: KeyPair
let issuer: Issuer
let bySecret: Tokens
let byKeys: Tokens

beforeAll(async () => {
  rsa = await createKeyPair('rsa', 'RS256')
  ec = await createKeyPair('ec', 'ES256')
  issuer = await startIssuer(rsa.jwk, ec.jwk)
  bySecret = createTokens({ secret: SECRET, clock })
  byKeys = createTokens({ jwksUrl: issuer.url, clock })
})

afterAll(() => issuer.close())

describe('with the keys of an issuer', () => {
  test('tokens of each of its keys are accepted', async () => {
    expect(await statusOf(byKeys, await rsa.sign(claims))).toBe(200)
    expect(await statusOf(byKeys, await ec.sign(claims))).toBe(200)
  })

  test.each(['RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES384', 'ES512', 'EdDSA'])(
    'a key for %s verifies its tokens',
    async (alg) => {
      const pair = await createKeyPair('other', alg)
      const own = await startIssuer(pair.jwk)
      const tokens = createTokens({ jwksUrl: own.url, clock })
      expect(await statusOf(tokens, await pair.sign(claims))).toBe(200)
      await own.close()
    },
  )

  test('a token that is not signed (alg none) is refused', async () => {
    const unsigned = new UnsecuredJWT(claims).encode()
    expect(await statusOf(byKeys, unsigned)).toBe(401)
    const [, payload = ''] = unsigned.split('.')
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      for (const header of [{ alg }, { alg, kid: 'rsa' }]) {
        expect(await statusOf(byKeys, `${encode(header)}.${payload}.`)).toBe(401)
        expect(await statusOf(byKeys, `${encode(header)}.${payload}.AAAA`)).toBe(401)
      }
    }
  })

  test('a token signed with the public key as an HMAC secret is refused', async () => {
    const key = await importJWK({ ...rsa.jwk, ext: true }, 'RS256')
    if (key instanceof Uint8Array) throw new Error('This is no RSA key.')
    const pem = await exportSPKI(key)
    const secrets = [pem, pem.trim(), JSON.stringify(rsa.jwk), rsa.jwk.n ?? '']
    for (const secret of secrets) {
      for (const kid of ['rsa', 'ec', undefined]) {
        expect(await statusOf(byKeys, hmac({ alg: 'HS256', kid }, secret))).toBe(401)
      }
    }
  })

  test('a token whose kid names a key of another type is refused', async () => {
    expect(await statusOf(byKeys, await rsa.sign(claims, { kid: 'ec' }))).toBe(401)
    expect(await statusOf(byKeys, await ec.sign(claims, { kid: 'rsa' }))).toBe(401)
  })

  test('a key inside the token is ignored', async () => {
    const own = await createKeyPair('own', 'ES256')
    const headers = [{ jwk: own.jwk }, { jku: issuer.url }, { x5u: issuer.url }]
    for (const header of headers) {
      expect(await statusOf(byKeys, await own.sign(claims, { ...header, kid: 'ec' }))).toBe(401)
    }
  })

  test('a secret among the published keys is not used', async () => {
    const k = Buffer.from(SECRET).toString('base64url')
    const own = await startIssuer({ kty: 'oct', k, kid: 'secret', alg: 'HS256' })
    const tokens = createTokens({ jwksUrl: own.url, clock })
    expect(await statusOf(tokens, hmac({ alg: 'HS256', kid: 'secret' }, SECRET))).toBe(401)
    await own.close()
  })

  test('a token signed with the other algorithm of its key is refused', async () => {
    const header = { alg: 'RS512', kid: 'rsa' }
    const jwt = new SignJWT(claims).setProtectedHeader(header)
    expect(await statusOf(byKeys, await jwt.sign(await asAlgorithm(rsa, 'RS512')))).toBe(401)
  })
})

describe('with a secret', () => {
  test.each(['HS256', 'HS384', 'HS512'])(
    'a token signed with it by %s is accepted',
    async (alg) => {
      expect(await statusOf(bySecret, hmac({ alg }, SECRET))).toBe(200)
    },
  )

  test('a token that is not signed (alg none) is refused', async () => {
    expect(await statusOf(bySecret, new UnsecuredJWT(claims).encode())).toBe(401)
  })

  test('a token signed with a private key is refused', async () => {
    expect(await statusOf(bySecret, await rsa.sign(claims))).toBe(401)
    expect(await statusOf(bySecret, await ec.sign(claims))).toBe(401)
  })

  test('a token signed with another secret, or with an empty one, is refused', async () => {
    for (const secret of [`${SECRET}!`, SECRET.slice(0, -1), '', '\0'.repeat(32)]) {
      expect(await statusOf(bySecret, hmac({ alg: 'HS256' }, secret))).toBe(401)
    }
  })

  test.each(['HS1', 'HS255', 'hs256', 'A128KW', 'dir', 'constructor', '__proto__', 'RS1'])(
    'a token with the unknown algorithm %s is refused',
    async (alg) => {
      expect(await statusOf(bySecret, hmac({ alg }, SECRET))).toBe(401)
      expect(await statusOf(byKeys, hmac({ alg, kid: 'rsa' }, SECRET))).toBe(401)
    },
  )

  test('a token whose header or payload was changed is refused', async () => {
    const [header = '', , signature = ''] = hmac({ alg: 'HS256' }, SECRET).split('.')
    const forged = `${header}.${encode({ ...claims, sub: 'bob' })}.${signature}`
    expect(await statusOf(bySecret, forged)).toBe(401)
    for (const noise of ['', '.', '..', 'a.b.c', `${header}..${signature}`, header]) {
      expect(await statusOf(bySecret, noise)).toBe(401)
    }
  })

  test('a token with an unknown critical extension is refused', async () => {
    const header = { alg: 'HS256', crit: ['unheard-of'], 'unheard-of': true }
    expect(await statusOf(bySecret, hmac(header, SECRET))).toBe(401)
  })
})

/** 200 for a token that is accepted, otherwise the status of the refusal. */
async function statusOf(tokens: Tokens, token: string): Promise<unknown> {
  try {
    await tokens.verify(token)
    return 200
  } catch (error) {
    return error instanceof Error && 'status' in error ? error.status : error
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** A token that is signed by hand, because a library would refuse to. */
function hmac(header: { readonly alg: string; readonly [name: string]: unknown }, secret: string) {
  const text = `${encode(header)}.${encode(claims)}`
  const hash = `sha${/(384|512)$/.exec(header.alg)?.[0] ?? '256'}`
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`
}

/** The same private key, for use with another algorithm. */
async function asAlgorithm({ privateKey }: KeyPair, alg: string) {
  const pkcs8 = await crypto.subtle.exportKey('jwk', privateKey)
  return await importJWK({ ...pkcs8, alg } as never, alg)
}
