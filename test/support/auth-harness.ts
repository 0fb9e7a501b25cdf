/** A hub with access control, a clock the test advances, and tokens the test signs. */
import type { Hono } from 'hono'
import { SignJWT } from 'jose'
import { expect } from 'vitest'
import { positionOf } from '../../src/core/cursor.ts'
import type { Hub } from '../../src/hub/hub-types.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import type { AccessMode } from '../../src/server/access.ts'
import { compose } from '../../src/server/compose.ts'
import { type Config, defaults } from '../../src/server/config.ts'
import { served } from './app-harness.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { errorLog } from './error-log.ts'
import { type Reader, readEvents } from './reader.ts'

/** The key of the hub, and the secret that signs its tokens. */
export const KEY = 'key-of-the-harness-0123456789'
export const SECRET = 'a secret of the token issuer, long enough'

/** What an access control test works with. */
export interface AuthHarness {
  readonly clock: ManualClock
  readonly hub: Hub
  readonly app: Hono
  readonly errors: unknown[]
  /** Sends a request, with a credential if given, and lets the hub finish the work it caused. */
  request(path: string, credential?: string, init?: RequestInit): Promise<Response>
  /** Opens a stream and reads its `hub:ready`. */
  listen(path: string, credential?: string, init?: RequestInit): Promise<Reader>
  /** Posts JSON. */
  postJson(path: string, credential: string | undefined, value: unknown): Promise<Response>
  /** A ticket for a client. */
  ticket(grant: { client: string; topics?: string[]; grantSeconds?: number }): Promise<string>
  /** A token that lasts for an hour unless its claims say otherwise; times are seconds from now. */
  token(claims?: Claims): Promise<string>
}

/** Claims, whose times count from now. */
export interface Claims {
  readonly [claim: string]: unknown
  readonly exp?: number | undefined
  readonly nbf?: number | undefined
}

/** How the hub is configured, beside a key and a secret. */
export interface AuthHarnessOptions {
  readonly config?: Partial<Config>
  readonly accessMode?: AccessMode
  readonly clock?: ManualClock
  readonly journal?: Journal
  /** The remote address that the socket reports. */
  readonly peer?: () => string | undefined
}

/** Creates an app with a key and a secret, on a manual clock. */
export function createAuthHarness(setup: AuthHarnessOptions = {}): AuthHarness {
  const {
    clock = manualClock(),
    accessMode = 'permissions',
    peer = () => '192.0.2.1',
    journal,
  } = setup
  const own = { PUBLISH_KEY: [KEY], JWT_SECRET: SECRET, CLOCK_SECONDS: 0 }
  const errors: unknown[] = []
  const { hub, app } = compose({
    config: { ...defaults, ...own, ...setup.config },
    accessMode,
    log: errorLog(errors),
    runtime: { remoteAddress: peer },
    journal,
    clock,
  })
  return { clock, hub, app, errors, request, listen, postJson, ticket, token }

  async function request(
    path: string,
    credential?: string,
    init: RequestInit = {},
  ): Promise<Response> {
    const response = served(await app.request(path, withCredential(credential, init)))
    await clock.runPending()
    return response
  }

  async function listen(path: string, credential?: string, init?: RequestInit): Promise<Reader> {
    const response = await app.request(path, withCredential(credential, init ?? {}))
    expect(response.status).toBe(200)
    const reader = readEvents(response)
    await clock.runPending()
    expect((await reader.next()).event).toBe('hub:ready')
    return reader
  }

  function postJson(
    path: string,
    credential: string | undefined,
    value: unknown,
  ): Promise<Response> {
    const headers = { 'Content-Type': 'application/json' }
    return request(path, credential, { method: 'POST', headers, body: JSON.stringify(value) })
  }

  async function ticket(grant: object): Promise<string> {
    const response = await postJson('/tickets', KEY, grant)
    expect(response.status).toBe(200)
    const { ticket } = (await response.json()) as { ticket: string }
    return ticket
  }

  function token({ exp = 3_600, nbf, ...claims }: Claims = {}): Promise<string> {
    const now = clock.now() / 1_000
    const times = { exp: now + exp, ...(nbf !== undefined && { nbf: now + nbf }) }
    const jwt = new SignJWT({ ...claims, ...times }).setProtectedHeader({ alg: 'HS256' })
    return jwt.sign(new TextEncoder().encode(SECRET))
  }
}

function withCredential(credential: string | undefined, init: RequestInit): RequestInit {
  if (credential === undefined) return init
  const headers = new Headers(init.headers)
  headers.set('Authorization', `Bearer ${credential}`)
  return { ...init, headers }
}

/** A journal as hubs that share one have it: of the same epoch. In memory, each hub has its own. */
export function journalIn(epoch: string): Journal {
  return { ...createMemoryJournal(), head: () => positionOf(epoch, 0) }
}

/** The first two parts of what a stream's answer sets as its cookie: name and value. */
export function cookieOf(response: Response): string {
  const [pair = ''] = (response.headers.get('Set-Cookie') ?? '').split(';')
  expect(pair).toMatch(/^[\w-]+=[\w.-]+$/)
  return pair
}

/** A request that carries cookies. */
export function withCookie(...cookies: string[]): RequestInit {
  return { headers: { Cookie: cookies.join('; ') } }
}

/** The status of a response; its body is discarded. */
export async function statusOf(pending: Promise<Response>): Promise<number> {
  const response = await pending
  await response.body?.cancel()
  return response.status
}
