/** A hub for arbitrary requests, and what must hold after each of them. */
import { SignJWT } from 'jose'
import type { AccessMode } from '../../../src/server/access.ts'
import { compose } from '../../../src/server/compose.ts'
import { type Config, defaults } from '../../../src/server/config.ts'
import { afterHold, served } from '../../support/app-harness.ts'
import { manualClock } from '../../support/clock.ts'
import { errorLog } from '../../support/error-log.ts'
import { breachesOf } from '../../support/openapi-breaches.ts'
import type { Document } from '../../support/openapi-validator.ts'
import { type Credentials, type Draft, requestOf } from './arbitraries.ts'

/** A hub under attack. */
export interface AttackedHub {
  readonly credentials: Credentials
  /**
   * Sends a request; resolves with what is wrong with the response or the hub, if anything. A response is wrong, too,
   * if the hub's own OpenAPI document does not describe it.
   */
  attack(draft: Draft): Promise<string | undefined>
  /** The operations that were attacked, each with the statuses of its responses: `listen 200`. */
  readonly seen: ReadonlySet<string>
}

/** The modes that a hub can take, and how each is set up. */
export const MODES: Readonly<Record<string, { mode: AccessMode; config: Partial<Config> }>> = {
  keyed: { mode: 'permissions', config: { PUBLISH_KEY: ['key-of-the-target-0123456789'] } },
  tokens: {
    mode: 'permissions',
    config: {
      JWT_SECRET: 'the secret of the target, 32 bytes or more',
      CORS_ORIGINS: ['http://localhost'],
      PUBLISHES_PER_MINUTE: 20,
      STREAMS_PER_MINUTE: 20,
      TRUST_PROXY: 1,
    },
  },
  loopback: { mode: 'loopback', config: {} },
  anonymous: {
    mode: 'anonymous',
    config: { PUBLISHES_PER_MINUTE: 4, STREAMS_PER_MINUTE: 4, MAX_EVENT_BYTES: 1_000 },
  },
  refused: { mode: 'refused', config: {} },
}

/** Creates a hub to attack. */
export async function createAttackedHub(name: string): Promise<AttackedHub> {
  const { mode = 'anonymous', config: set = {} } = MODES[name] ?? {}
  const config: Config = { ...defaults, CLOCK_SECONDS: 0, ...set }
  const clock = manualClock()
  const errors: unknown[] = []
  const { hub, app } = compose({
    config,
    accessMode: mode,
    log: errorLog(errors),
    runtime: { remoteAddress: () => '192.0.2.1' },
    clock,
  })
  const credentials = await makeCredentials()
  const breaches = breachesOf((await (await app.request('/openapi.json')).json()) as Document)
  const seen = new Set<string>()
  return { credentials, attack, seen }

  async function attack(draft: Draft): Promise<string | undefined> {
    const request = requestOf(draft)
    if (!request) return undefined
    // Time advances, so that limits, grants and blocks expire between requests.
    const response = served(await afterHold(Promise.resolve(app.fetch(request)), clock))
    const { read, leave } = await begin(response)
    const problem =
      (await problemWith(read)) ??
      problemWithHub(opens(request, response) ? 1 : 0) ??
      (await problemWithDocument(request, read))
    await leave()
    return problem ?? problemWithHub(0) ?? problemWithPrototypes()
  }

  /** A response with its body as far as it has come: a stream does not end. */
  async function begin(response: Response) {
    const isStream = response.headers.get('Content-Type')?.startsWith('text/event-stream')
    if (!isStream || !response.body) return { read: response, leave: async () => {} }
    const reader = response.body.getReader()
    const first = reader.read()
    // A refusal is held for a second.
    await clock.advance(1_000)
    const { value } = await first
    return { read: new Response(value, response), leave: () => reader.cancel().catch(() => {}) }
  }

  async function problemWithDocument(request: Request, response: Response) {
    const { operationId, found } = await breaches(request, response)
    seen.add(`${operationId} ${response.status}`)
    return found.length > 0 ? `not as described: ${JSON.stringify(found)}` : undefined
  }

  function problemWithHub(open: number): string | undefined {
    if (errors.length > 0) return `an error that nobody expected: ${String(errors[0])}`
    const { connections, clients, topics, closing } = hub.stats()
    if (connections > open || clients > open || closing > 0 || (open === 0 && topics > 0)) {
      return `the hub holds ${JSON.stringify(hub.stats())}, and should hold ${open} at the most`
    }
    return undefined
  }

  async function makeCredentials(): Promise<Credentials> {
    const [key = 'no-key-at-all-0123456789'] = config.PUBLISH_KEY
    const secret = config.JWT_SECRET
    const all = await tokenOf(secret, { sub: 'alice', topics: '*', publish: '*' })
    const some = await tokenOf(secret, { sub: 'alice', topics: ['news'], publish: ['everyone'] })
    const tickets = await ticketsFor(config.PUBLISH_KEY.length > 0 ? key : all)
    const cookies = await Promise.all(tickets.slice(1).map(cookieFor))
    return { bearers: [key, all, some, 'x'], tickets, cookies: ['', ...cookies] }
  }

  async function ticketsFor(bearer: string): Promise<string[]> {
    const headers = { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' }
    const body = JSON.stringify({ client: 'alice', topics: ['news'], grantSeconds: 86_400 })
    const response = await app.request('/tickets', { method: 'POST', headers, body })
    if (response.status !== 200) return ['x']
    const { ticket } = (await response.json()) as { ticket: string }
    return ['x', ticket]
  }

  async function cookieFor(ticket: string): Promise<string> {
    const response = await app.request(`/sse?ticket=${ticket}`)
    await clock.runPending()
    await response.body?.cancel()
    await clock.runPending()
    return (response.headers.get('Set-Cookie') ?? '').split(';')[0] ?? ''
  }
}

/** Whether the response may be a stream, including one that says goodbye at once. */
function opens({ method, url }: Request, { headers }: Response): boolean {
  const isStream = headers.get('Content-Type')?.startsWith('text/event-stream') ?? false
  return method === 'GET' && new URL(url).pathname === '/sse' && isStream
}

/** An error is a problem that says what to do; a server error is never acceptable. */
async function problemWith(response: Response): Promise<string | undefined> {
  const { status } = response
  if (status === 500) return `status 500: ${await response.text()}`
  if (status < 400) return undefined
  const type = response.headers.get('Content-Type')
  if (type !== 'application/problem+json') return `status ${status} as ${type}`
  const text = await response.clone().text()
  // An answer to HEAD has no body.
  if (text === '') return undefined
  const { detail, status: stated } = JSON.parse(text) as { detail?: unknown; status?: unknown }
  if (typeof detail !== 'string' || detail.length < 8) return `a problem without detail: ${text}`
  return stated === status ? undefined : `status ${status} with a body that says ${String(stated)}`
}

const CLEAN = Object.getOwnPropertyNames(Object.prototype).join()

function problemWithPrototypes(): string | undefined {
  const now = Object.getOwnPropertyNames(Object.prototype).join()
  return now === CLEAN ? undefined : `the prototype of all objects has ${now}`
}

async function tokenOf(secret: string | undefined, claims: object): Promise<string> {
  if (secret === undefined) return 'no-token'
  const exp = Date.UTC(2030, 0, 1) / 1_000
  const jwt = new SignJWT({ ...claims, exp }).setProtectedHeader({ alg: 'HS256' })
  return await jwt.sign(new TextEncoder().encode(secret))
}
