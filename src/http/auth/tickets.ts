/** Tickets: each opens one stream of a page, and a cookie carries its grant through reconnects. */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { unauthorized } from './errors.ts'
import { createGrantCookies, digestOf, grantName } from './grant-cookies.ts'
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
  /** The epoch of the journal in which it was issued. Absent in tickets of older versions. */
  readonly epoch?: string | undefined
  /** When the stream and its reconnects end at the latest, in milliseconds since 1970. @defaultValue only `grantSeconds` says so */
  readonly endsAt?: number | undefined
}

/** How an app signs its tickets and their cookies. */
export interface TicketOptions {
  /**
   * Secrets of 32 bytes or more. The first one signs, all of them verify, so that they can be rotated.
   * @defaultValue the publish keys, or the JWT secret when there are none
   */
  readonly secrets?: readonly string[] | undefined
  /**
   * Whether the browser sent the request over https, which makes the cookie `Secure`. Set it when
   * a proxy terminates TLS.
   * @defaultValue whether `c.req.url` is https
   */
  readonly isSecure?: ((c: Context) => boolean) | undefined
  /**
   * The remote address of a request. With it, a ticket whose response was lost on the way can be sent
   * once more: within 10 seconds, from the same address, with the same `User-Agent`.
   * @defaultValue none: a ticket is accepted once
   */
  readonly addressOf?: ((c: Context) => string | undefined) | undefined
}

/** What tickets require. */
export interface TicketsInit extends TicketOptions {
  readonly secrets: readonly string[]
  readonly clock: Clock
  /** Returns the epoch of the journal: it may have forgotten which tickets were used in an earlier one. */
  epoch(): string
  /** True for the first call with this id within `ttlMs` milliseconds, on any hub that shares the journal. */
  useOnce(id: string, ttlMs: number): Promise<boolean>
}

/** Issues and redeems tickets. */
export interface Tickets {
  /**
   * Issues a ticket whose stream and reconnects may last `grantSeconds`, however late it is redeemed.
   * @param endsAt - when they end at the latest, in milliseconds since 1970; may be infinite
   * @throws {HTTPException} 413 when the ticket would be too long for a URL
   */
  issue(grant: Grant, grantSeconds: number, endsAt: number): Promise<string>
  /**
   * Verifies the signature of a ticket without using it up.
   * @throws {HTTPException} 401 for a ticket that this hub did not sign
   */
  read(ticket: string): Promise<TicketClaims>
  /**
   * Uses up a ticket, or accepts its cookie once the ticket is used up. Resolves with the time at
   * which the grant ends, in milliseconds since 1970. HEAD uses up nothing and sets no cookie.
   * @throws {HTTPException} 401 when the ticket is used up or expired and no valid cookie comes with it
   */
  redeem(c: Context, claims: TicketClaims): Promise<number>
  /** The same without using up the ticket or setting a cookie. */
  verify(c: Context, claims: TicketClaims): Promise<number>
}

/** Seconds within which a ticket must be redeemed. */
export const TICKET_SECONDS = 30

/** Milliseconds within which a ticket can be sent once more if its response was lost: a browser retries after 3 to 5 seconds. */
const REPEAT_MS = 10_000

/** Milliseconds by which the clocks of hubs may differ, or be set back: a used ticket is remembered that much longer. */
const SKEW_MS = 30_000

/** The maximum number of characters of a ticket. With the rest of the URL, it must fit in nginx's limit of 8 KiB. */
const MAX_TICKET = 6_144

const TicketClaims: z.ZodType<TicketClaims> = z.object({
  id: z.string(),
  client: z.string(),
  topics: z.array(z.string()),
  grantSeconds: z.number(),
  expiresAt: z.number(),
  epoch: z.string().optional(),
  endsAt: z.number().optional(),
})

/** Creates tickets for one app. */
export function createTickets(init: TicketsInit): Tickets {
  const { secrets, clock, epoch, useOnce, isSecure = isHttps, addressOf } = init
  const signer = createSigner(secrets, 'ticket')
  const cookies = createGrantCookies({ secrets, isSecure })
  return {
    issue,
    read,
    redeem: (c, claims) => endOf(c, claims, c.req.method !== 'HEAD'),
    verify: (c, claims) => endOf(c, claims, false),
  }

  async function issue(
    { client, topics }: Grant,
    grantSeconds: number,
    endsAt: number,
  ): Promise<string> {
    const expiresAt = Math.min(clock.now() + TICKET_SECONDS * 1_000, endsAt)
    const id = crypto.randomUUID()
    const end = Number.isFinite(endsAt) ? { endsAt } : {}
    const claims = { id, client, topics, grantSeconds, expiresAt, epoch: epoch(), ...end }
    const ticket = await signer.sign(claims)
    if (ticket.length <= MAX_TICKET) return ticket
    const message = `The ticket would have ${ticket.length} characters, too many for a URL: send fewer or shorter topics.`
    throw new HTTPException(413, { message })
  }

  async function read(ticket: string): Promise<TicketClaims> {
    const claims = TicketClaims.safeParse(await signer.verify(ticket))
    if (claims.success) return claims.data
    throw unauthorized('This hub did not issue the ticket: request one from POST /tickets.')
  }

  async function endOf(c: Context, claims: TicketClaims, uses: boolean): Promise<number> {
    const { client, topics } = claims
    const grant = await grantName(client, topics)
    const cookieEndsAt = await cookies.endOf(c, grant)
    if (uses ? await useUp(c, claims, cookieEndsAt) : remainingMs(claims) > 0) {
      const grantMs = grantMsOf(claims)
      const end = clock.now() + grantMs
      // A cookie that lasts longer belongs to another tab with the same grant: keep it.
      if (end > cookieEndsAt && uses) await cookies.set(c, grant, end, Math.ceil(grantMs / 1_000))
      return end
    }
    if (cookieEndsAt > clock.now()) return cookieEndsAt
    throw unauthorized('The ticket is used up or expired: request a new one from your back end.')
  }

  /**
   * Milliseconds until a ticket expires. A ticket of an earlier epoch has expired: nobody can tell
   * whether it was used. Epochs are compared rather than times, so clocks may differ.
   */
  function remainingMs({ expiresAt, epoch: issuedIn = epoch() }: TicketClaims): number {
    return issuedIn === epoch() ? expiresAt - clock.now() : Number.NEGATIVE_INFINITY
  }

  /** Milliseconds that a stream and its reconnects may last from now on. */
  function grantMsOf({ grantSeconds, endsAt = Number.POSITIVE_INFINITY }: TicketClaims): number {
    return Math.min(grantSeconds * 1_000, endsAt - clock.now())
  }

  /** Whether this request may use the ticket: as the first one, or as its repetition. */
  async function useUp(c: Context, claims: TicketClaims, cookieEndsAt: number): Promise<boolean> {
    const { id } = claims
    const repeatableMs = remainingMs(claims) + REPEAT_MS
    const storedMs = repeatableMs + SKEW_MS
    if (remainingMs(claims) > 0 && (await useOnce(id, storedMs))) {
      const sender = await senderOf(c, id)
      // The ticket is used up: an error here must not prevent the stream.
      const repeatMs = Math.min(REPEAT_MS, grantMsOf(claims))
      if (sender) await useOnce(sender, repeatMs).catch(() => false)
      return true
    }
    if (repeatableMs <= 0 || cookieEndsAt > clock.now()) return false
    const sender = await senderOf(c, id)
    // Only one request may repeat it, and only if the first one came from the same sender.
    return (
      sender !== undefined &&
      (await useOnce(`${id} again`, storedMs)) &&
      !(await useOnce(sender, 1))
    )
  }

  /** Returns a name for this ticket and its sender; undefined if the address is unknown. */
  async function senderOf(c: Context, id: string): Promise<string | undefined> {
    const address = addressOf?.(c)
    if (address === undefined) return undefined
    return `${id} ${await digestOf([address, c.req.header('User-Agent')])}`
  }
}

/** Whether the request itself came over https. */
function isHttps(c: Context): boolean {
  return c.req.url.startsWith('https:')
}
