/**
 * Which pages may talk to the hub: by `Origin`, and on loopback by `Host`.
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
import type { Context, MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { problem } from '../problem.ts'

const LOOPBACK = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\]|::1)$/i

/** Whether a host name or address means this very machine. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}

/** Answers preflights and lets the pages of listed origins read answers, with cookies. */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  const allow = cors({
    origin: (origin) => origin,
    credentials: true,
    allowMethods: ['GET', 'POST', 'DELETE'],
    allowHeaders: ['Authorization', 'Content-Type', 'Last-Event-ID', 'X-Request-Id'],
    exposeHeaders: ['Retry-After', 'X-Request-Id'],
    maxAge: 600,
  })
  return async (c, next) => {
    if (origins.includes(c.req.header('Origin') ?? '')) return await allow(c, next)
    // Caches must not take this answer for one to a page of a listed origin.
    c.header('Vary', 'Origin')
    return await next()
  }
}

/**
 * For a hub that asks nobody who they are: only pages of this machine and of listed origins reach it.
 * A page from elsewhere could reach it by its own `Origin`, or by a name of its own that it points
 * to 127.0.0.1 (DNS rebinding), because the browser that shows it runs on this machine.
 */
export function onlyLoopback(origins: readonly string[]): MiddlewareHandler {
  let known: string | undefined
  return async (c, next) => {
    // Nearly all requests name the same host: it is looked at again only when another comes.
    const named = `${originText(c.req.url)} ${c.req.header('Host')}`
    if (named !== known && !isForLoopback(c)) {
      return problem(
        c,
        421,
        'This hub has no key and answers to loopback names only: set PUBLISH_KEY.',
      )
    }
    known = named
    if (FORWARDED.some((name) => c.req.header(name) !== undefined)) {
      return problem(c, 403, 'This hub has no key and answers to no proxy: set PUBLISH_KEY.')
    }
    if (isFromElsewhere(c, origins)) {
      return problem(c, 403, 'This hub has no key and does not talk to pages of this origin.')
    }
    return await next()
  }
}

/** The text of a URL up to its path. */
export function originText(url: string): string {
  const path = url.indexOf('/', url.indexOf('//') + 2)
  return path === -1 ? url : url.slice(0, path)
}

function isForLoopback(c: Context): boolean {
  // What is no URL is refused behind this.
  const url = URL.canParse(c.req.url) ? new URL(c.req.url) : undefined
  const hosts = [url?.host, c.req.header('Host')]
  return hosts.every((host) => host === undefined || isLoopback(host.replace(/:\d*$/, '')))
}

/** Set by proxies, behind which anyone may stand. */
const FORWARDED = ['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Real-IP']

function isFromElsewhere(c: Context, origins: readonly string[]): boolean {
  const origin = c.req.header('Origin')
  if (origin !== undefined) return !origins.includes(origin) && !isLoopback(hostOf(origin))
  // Images and scripts come without Origin. https://www.w3.org/TR/fetch-metadata/
  return (
    c.req.header('Sec-Fetch-Site') === 'cross-site' && c.req.header('Sec-Fetch-Mode') !== 'navigate'
  )
}

function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname : ''
}
