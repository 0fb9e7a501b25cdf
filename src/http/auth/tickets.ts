/** Tickets: each opens one stream of a page, and a cookie carries its grant through reconnects. */
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { unauthorized } from './errors.ts'
import { createSigner } from './signer.ts'

/** What a ticket allows: to listen as one client, to these topics. */
export interface Grant {
  readonly client: string
  readonly topics: readonly string[]
}

/** The claims of a ticket, once its signature has been verified. */
export interface TicketClaims extends Grant {
  readonly id: string
  /** How long the stream and its reconnects may last once the ticket is redeemed. */
  readonly grantSeconds: number
  /** When the ticket itself expires, in milliseconds since 1970. */
  readonly expiresAt: number
}

/** How an app signs its tickets and their cookies. */
export interface TicketOptions {
  /**
   * Secrets of 32 bytes or more. The first one signs, all of them verify, so that they can be rotated.
   * @defaultValue the publish keys, or the JWT secret when there are none
   */
  readonly secrets?: readonly string[] | undefined
  /**
   * Whether the browser's side of the request is https, which makes the cookie `Secure`. Set it when
   * a proxy terminates TLS.
   * @defaultValue whether `c.req.url` is https
   */
  readonly isSecure?: ((c: Context) => boolean) | undefined
}

/** What tickets require. */
export interface TicketsInit extends TicketOptions {
  readonly secrets: readonly string[]
  readonly clock: Clock
  /** True for the first call with this id within `ttlMs` milliseconds, on any hub that shares the journal. */
  useOnce(id: string, ttlMs: number): Promise<boolean>
}

/** Issues and redeems tickets. */
export interface Tickets {
  /** Issues a ticket whose stream and reconnects may last `grantSeconds`. */
  issue(grant: Grant, grantSeconds: number): Promise<string>
  /**
   * Verifies the signature of a ticket without using it up.
   * @throws {HTTPException} 401 for a ticket that this hub did not sign
   */
  read(ticket: string): Promise<TicketClaims>
  /**
   * Uses up a ticket, or accepts its cookie once the ticket is used up. Resolves with the time at
   * which the grant ends, in milliseconds since 1970.
   * @throws {HTTPException} 401 when the ticket is used up or expired and no valid cookie comes with it
   */
  redeem(c: Context, claims: TicketClaims): Promise<number>
}

/** Seconds within which a ticket must be redeemed. */
export const TICKET_SECONDS = 30

const TicketClaims: z.ZodType<TicketClaims> = z.object({
  id: z.string(),
  client: z.string(),
  topics: z.array(z.string()),
  grantSeconds: z.number(),
  expiresAt: z.number(),
})

/** The claims of the cookie. The rest is in the ticket, which an EventSource sends again. */
const CookieClaims = z.object({ grant: z.string(), expiresAt: z.number() })

/** Creates tickets for one app. */
export function createTickets(init: TicketsInit): Tickets {
  const { secrets, clock, useOnce, isSecure = isHttps } = init
  const ticketSigner = createSigner(secrets, 'ticket')
  const cookieSigner = createSigner(secrets, 'grant')
  return { issue, read, redeem }

  function issue({ client, topics }: Grant, grantSeconds: number): Promise<string> {
    const expiresAt = clock.now() + TICKET_SECONDS * 1_000
    return ticketSigner.sign({ id: crypto.randomUUID(), client, topics, grantSeconds, expiresAt })
  }

  async function read(ticket: string): Promise<TicketClaims> {
    const claims = TicketClaims.safeParse(await ticketSigner.verify(ticket))
    if (claims.success) return claims.data
    throw unauthorized('This hub did not issue the ticket: request one from POST /tickets.')
  }

  async function redeem(c: Context, claims: TicketClaims): Promise<number> {
    const grant = await nameOf(claims)
    const kept = await cookieEnd(c, grant)
    const leftMs = claims.expiresAt - clock.now()
    if (leftMs > 0 && (await useOnce(claims.id, leftMs))) {
      const end = clock.now() + claims.grantSeconds * 1_000
      // A cookie that lasts longer belongs to another tab with the same grant: keep it.
      if (end > kept) await setGrant(c, grant, end, claims.grantSeconds)
      return end
    }
    if (kept > clock.now()) return kept
    throw unauthorized('The ticket is used up or expired: request a new one from your back end.')
  }

  async function setGrant(c: Context, grant: string, expiresAt: number, maxAge: number) {
    setCookie(c, grant, await cookieSigner.sign({ grant, expiresAt }), {
      path: new URL(c.req.url).pathname,
      maxAge,
      httpOnly: true,
      sameSite: 'Lax',
      secure: isSecure(c),
    })
  }

  /** When the grant ends according to its cookie, in milliseconds since 1970; 0 without a valid cookie. */
  async function cookieEnd(c: Context, grant: string): Promise<number> {
    const cookie = getCookie(c, grant)
    const claims = CookieClaims.safeParse(cookie && (await cookieSigner.verify(cookie)))
    return claims.success && claims.data.grant === grant ? claims.data.expiresAt : 0
  }
}

/** Whether the request itself came over https. */
function isHttps(c: Context): boolean {
  return c.req.url.startsWith('https:')
}

/** The name of a grant's cookie. Tabs with the same grant share one cookie; other tabs keep their own. */
async function nameOf({ client, topics }: Grant): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([client, [...new Set(topics)].sort()]))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const hex = [...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, '0'))
  return `hono-sse-${hex.join('')}`
}
