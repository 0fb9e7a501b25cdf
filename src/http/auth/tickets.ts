/** Tickets: a page opens one stream with one, and a cookie carries the grant through reconnects. */
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { unauthorized } from './errors.ts'
import { createSigner } from './signer.ts'

/** What a ticket lets its holder do. */
export interface Grant {
  readonly client: string
  readonly topics: readonly string[]
}

/** What a ticket says, once its signature has been verified. */
export interface TicketClaims extends Grant {
  readonly id: string
  readonly grantSeconds: number
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** What tickets need. */
export interface TicketOptions {
  /** The first signs, all verify. */
  readonly secrets: readonly string[]
  readonly clock: Clock
  /** True for the first who names this ticket, false for all others, in the whole cluster. */
  useOnce(id: string, ttlMs: number): Promise<boolean>
  /** Whether the client's side of the request is https, perhaps with a proxy in between. */
  isSecure(c: Context): boolean
}

/** Issues tickets and takes them. */
export interface Tickets {
  /** A ticket for a grant of so many seconds. */
  issue(grant: Grant, grantSeconds: number): Promise<string>
  /** What a ticket says; nothing is used up. @throws {HTTPException} 401 for one that is not ours */
  read(ticket: string): Promise<TicketClaims>
  /**
   * Takes a ticket, or its cookie once it is used.
   * Returns when the grant ends, in milliseconds since 1970.
   * @throws {HTTPException} 401
   */
  redeem(c: Context, note: TicketClaims): Promise<number>
}

/** Seconds within which a ticket must be used. */
export const TICKET_SECONDS = 30

const TicketClaims: z.ZodType<TicketClaims> = z.object({
  id: z.string(),
  client: z.string(),
  topics: z.array(z.string()),
  grantSeconds: z.number(),
  expiresAt: z.number(),
})

/** What the cookie says: the ticket, which an EventSource sends again, has the rest. */
const CookieNote = z.object({ grant: z.string(), expiresAt: z.number() })

/** Makes an office for tickets. */
export function createTickets(options: TicketOptions): Tickets {
  const { secrets, clock, useOnce, isSecure } = options
  const ticketSigner = createSigner(secrets, 'ticket')
  const cookieSigner = createSigner(secrets, 'grant')
  return { issue, read, redeem }

  function issue({ client, topics }: Grant, grantSeconds: number): Promise<string> {
    const expiresAt = clock.now() + TICKET_SECONDS * 1_000
    return ticketSigner.sign({ id: crypto.randomUUID(), client, topics, grantSeconds, expiresAt })
  }

  async function read(ticket: string): Promise<TicketClaims> {
    const note = TicketClaims.safeParse(await ticketSigner.verify(ticket))
    if (!note.success) throw unauthorized('The ticket is not one of this hub.')
    return note.data
  }

  async function redeem(c: Context, note: TicketClaims): Promise<number> {
    const grant = await nameOf(note)
    const kept = await cookieEnd(c, grant)
    const leftMs = note.expiresAt - clock.now()
    if (leftMs > 0 && (await useOnce(note.id, leftMs))) {
      const end = clock.now() + note.grantSeconds * 1_000
      // Another tab may hold the same grant for longer: it needs its cookie.
      if (end > kept) await setGrant(c, grant, end, note.grantSeconds)
      return end
    }
    if (kept > clock.now()) return kept
    throw unauthorized('The ticket was used, or is too old: ask your back end for another.')
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

  /** When the grant ends by its cookie, in milliseconds since 1970; 0 without one. */
  async function cookieEnd(c: Context, grant: string): Promise<number> {
    const cookie = getCookie(c, grant)
    const note = CookieNote.safeParse(cookie && (await cookieSigner.verify(cookie)))
    return note.success && note.data.grant === grant ? note.data.expiresAt : 0
  }
}

/** The name of a grant's cookie: tabs with the same grant share it, others keep theirs. */
async function nameOf({ client, topics }: Grant): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([client, [...new Set(topics)].sort()]))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const hex = [...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, '0'))
  return `hono-sse-${hex.join('')}`
}
