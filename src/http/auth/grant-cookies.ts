/** The cookies of grants: each carries one grant through the reconnects of a page. */
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'
import { createSigner } from './signer.ts'

/** What the cookies require. */
export interface GrantCookiesInit {
  /** The first one signs, all of them verify. */
  readonly secrets: readonly string[]
  /** Whether the browser sent the request over https. */
  isSecure(c: Context): boolean
}

/** Reads and sets the cookies of grants. */
export interface GrantCookies {
  /** Resolves with the time at which the grant ends, in milliseconds since 1970; 0 without a valid cookie. */
  endOf(c: Context, grant: string): Promise<number>
  /**
   * Sets the cookie of a grant and clears those that end first if the browser has too many.
   * @param expiresAt - in milliseconds since 1970
   */
  set(c: Context, grant: string, expiresAt: number, maxAgeSeconds: number): Promise<void>
}

/** The claims of a cookie. The rest is in the ticket, which an EventSource sends again. */
type CookieClaims = z.infer<typeof CookieClaims>
const CookieClaims = z.object({ grant: z.string(), expiresAt: z.number() })

const COOKIE_NAME = /^hono-sse-[0-9a-f]{32}$/

/** The maximum number of cookies per browser: 16 take 4 KiB of the headers, which many servers limit to 8 KiB. */
const MAX_COOKIES = 16

/** Creates the cookies of one app. */
export function createGrantCookies({ secrets, isSecure }: GrantCookiesInit): GrantCookies {
  const signer = createSigner(secrets, 'grant')
  return { endOf, set }

  async function endOf(c: Context, grant: string): Promise<number> {
    const names = await Promise.all(secrets.map((secret) => cookieName(secret, grant)))
    // Earlier versions named the cookie like the grant.
    const all = await Promise.all([...names, grant].map((name) => claimsIn(c, name)))
    const ends = all.map((claims) => (claims?.grant === grant ? claims.expiresAt : 0))
    return Math.max(0, ...ends)
  }

  async function claimsIn(c: Context, name: string): Promise<CookieClaims | undefined> {
    const cookie = getCookie(c, name)
    return CookieClaims.safeParse(cookie && (await signer.verify(cookie))).data
  }

  async function set(c: Context, grant: string, expiresAt: number, maxAgeSeconds: number) {
    const [secret = ''] = secrets
    const own = await cookieName(secret, grant)
    write(c, own, await signer.sign({ grant, expiresAt }), maxAgeSeconds)
    for (const name of await surplus(c, own)) write(c, name, '', 0)
  }

  function write(c: Context, name: string, value: string, maxAge: number): void {
    setCookie(c, name, value, {
      // Without a path, the browser uses the folder of the URL that it requested, even if a proxy
      // strips a prefix from it. https://www.rfc-editor.org/rfc/rfc6265#section-5.1.4
      path: '',
      maxAge,
      httpOnly: true,
      sameSite: 'Lax',
      secure: isSecure(c),
    })
  }

  /** The cookies to clear to make room for this one: those of other grants that end first. */
  async function surplus(c: Context, own: string): Promise<readonly string[]> {
    const all = Object.keys(getCookie(c))
    const others = all.filter((name) => name !== own && COOKIE_NAME.test(name))
    if (others.length < MAX_COOKIES) return []
    const ends = await Promise.all(
      others.map(async (name) => ({ name, end: (await claimsIn(c, name))?.expiresAt ?? 0 })),
    )
    const byEnd = ends.sort((one, other) => other.end - one.end)
    return byEnd.slice(MAX_COOKIES - 1).map(({ name }) => name)
  }
}

/** The name of a grant. Tabs with the same grant share one cookie; other tabs keep their own. */
export async function grantName(client: string, topics: readonly string[]): Promise<string> {
  return `hono-sse-${await digestOf([client, [...new Set(topics)].sort()])}`
}

/** The name of a grant's cookie: a browser sends the cookies of all hubs of a host, whatever their ports, so that each has names of its own. */
async function cookieName(secret: string, grant: string): Promise<string> {
  return `hono-sse-${await digestOf(['cookie', secret, grant])}`
}

/** A digest of a JSON value: 32 hexadecimal digits. */
export async function digestOf(value: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const hex = [...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, '0'))
  return hex.join('')
}
