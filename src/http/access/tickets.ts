/** Tickets: a page opens one stream with one, and a cookie carries the grant through reconnects. */
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'
import type { Clock } from '../../hub/clock.ts'
import { unauthorized } from './refusals.ts'
import { createSigner } from './signer.ts'

/** What a ticket lets its holder do. */
export interface Grant {
  readonly client: string
  readonly topics: readonly string[]
}

/** A grant that has been taken up. */
export interface Granted extends Grant {
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
}

/** Issues tickets and takes them. */
export interface Tickets {
  /** A ticket for a grant of so many seconds. */
  issue(grant: Grant, grantSeconds: number): Promise<string>
  /** Takes a ticket, or its cookie once it is used. @throws {HTTPException} 401 */
  redeem(c: Context, ticket: string): Promise<Granted>
}

/** Seconds within which a ticket must be used. */
export const TICKET_SECONDS = 30

const Note = z.object({ client: z.string(), topics: z.array(z.string()), expiresAt: z.number() })
const TicketNote = Note.extend({ id: z.string(), grantSeconds: z.number() })

/** Makes an office for tickets. */
export function createTickets({ secrets, clock, useOnce }: TicketOptions): Tickets {
  const ticketSigner = createSigner(secrets, 'ticket')
  const grantSigner = createSigner(secrets, 'grant')
  return { issue, redeem }

  function issue({ client, topics }: Grant, grantSeconds: number): Promise<string> {
    const expiresAt = clock.now() + TICKET_SECONDS * 1_000
    return ticketSigner.sign({ id: crypto.randomUUID(), client, topics, grantSeconds, expiresAt })
  }

  async function redeem(c: Context, ticket: string): Promise<Granted> {
    const note = TicketNote.safeParse(await ticketSigner.verify(ticket))
    if (!note.success) throw unauthorized('The ticket is not one of this hub.')
    const { id, client, topics, grantSeconds, expiresAt } = note.data
    const grant = { client, topics }
    const leftMs = expiresAt - clock.now()
    if (leftMs > 0 && (await useOnce(id, leftMs))) return take(c, grant, grantSeconds)
    return await resume(c, grant)
  }

  async function take(c: Context, grant: Grant, grantSeconds: number): Promise<Granted> {
    const granted = { ...grant, expiresAt: clock.now() + grantSeconds * 1_000 }
    setCookie(c, await cookieName(grant), await grantSigner.sign({ ...granted }), {
      path: new URL(c.req.url).pathname,
      maxAge: grantSeconds,
      httpOnly: true,
      sameSite: 'Lax',
      secure: c.req.url.startsWith('https:'),
    })
    return granted
  }

  /** An EventSource that reconnects sends its old URL: the used ticket says which cookie is meant. */
  async function resume(c: Context, grant: Grant): Promise<Granted> {
    const cookie = getCookie(c, await cookieName(grant))
    const note = Note.safeParse(cookie && (await grantSigner.verify(cookie)))
    const fits = note.success && sameGrant(note.data, grant) && note.data.expiresAt > clock.now()
    if (!fits)
      throw unauthorized('The ticket was used, or is too old: ask your back end for another.')
    return note.data
  }
}

/** One cookie for each grant, so that tabs with the same one share it and others keep theirs. */
async function cookieName({ client, topics }: Grant): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([client, [...topics].sort()]))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return `hono-sse-${[...digest.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

function sameGrant(one: Grant, other: Grant): boolean {
  const topics = new Set(one.topics)
  return (
    one.client === other.client &&
    topics.size === new Set(other.topics).size &&
    other.topics.every((topic) => topics.has(topic))
  )
}
