/**
 * Restricts which pages may send requests: by `Origin` and, for a hub on loopback, also by `Host`.
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
import type { Context, MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { isLoopback } from '../../core/options/secure-url.ts'
import { problem } from '../problem.ts'

/** Headers that pages may send: those the hub reads, and those that tracers and fetch libraries add. */
const ALLOWED_HEADERS = [
  ...['Authorization', 'Content-Type', 'Last-Event-ID', 'X-Request-Id', 'Idempotency-Key'],
  ...['traceparent', 'tracestate', 'baggage', 'sentry-trace'],
  ...['Cache-Control', 'X-Requested-With'],
]

/**
 * Answers preflights and lets pages of the listed origins read responses and send cookies.
 * @param headers - more headers that the pages may send
 */
export function allowOrigins(
  origins: readonly string[],
  headers: readonly string[] = [],
): MiddlewareHandler {
  const allow = cors({
    origin: (origin) => origin,
    credentials: true,
    allowMethods: ['GET', 'POST', 'DELETE'],
    allowHeaders: [...ALLOWED_HEADERS, ...headers],
    exposeHeaders: ['Retry-After', 'X-Request-Id'],
    maxAge: 600,
  })
  return async (c, next) => {
    if (origins.includes(c.req.header('Origin') ?? '')) return await allow(c, next)
    // A cache must not serve this response to a page of a listed origin.
    c.header('Vary', 'Origin')
    return await next()
  }
}

/**
 * Protects a hub without access control: only pages of this machine and of the listed origins reach
 * it. Any other page that a browser on this machine shows could send requests from its own `Origin`,
 * or through a name that it resolves to 127.0.0.1 (DNS rebinding).
 */
export function onlyLoopback(origins: readonly string[]): MiddlewareHandler {
  let known: string | undefined
  return async (c, next) => {
    // Nearly all requests name the same host, so a host is checked only when it changes.
    const named = `${originText(c.req.url)} ${c.req.header('Host')}`
    if (named !== known && !isForLoopback(c)) {
      return problem(c, 421, WRONG_HOST)
    }
    known = named
    if (FORWARDED.some((name) => c.req.header(name) !== undefined)) {
      return problem(c, 403, PROXIED)
    }
    if (isFromElsewhere(c, origins)) return problem(c, 403, WRONG_ORIGIN)
    return await next()
  }
}

const WRONG_HOST = 'Without a key, the hub accepts requests to localhost only: set PUBLISH_KEY.'
const PROXIED =
  'Without a key, the hub refuses requests that come through a proxy: set PUBLISH_KEY.'
const WRONG_ORIGIN =
  'Without a key, the hub refuses pages of other origins: set PUBLISH_KEY, or add the origin to CORS_ORIGINS.'

/** The part of a URL before its path. */
export function originText(url: string): string {
  const path = url.indexOf('/', url.indexOf('//') + 2)
  return path === -1 ? url : url.slice(0, path)
}

function isForLoopback(c: Context): boolean {
  // A later middleware refuses URLs that can't be parsed.
  const url = URL.canParse(c.req.url) ? new URL(c.req.url) : undefined
  const hosts = [url?.host, c.req.header('Host')]
  return hosts.every((host) => host === undefined || isLoopback(host.replace(/:\d*$/, '')))
}

/** Headers that proxies set. Any client may be behind a proxy. */
const FORWARDED = ['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Real-IP']

function isFromElsewhere(c: Context, origins: readonly string[]): boolean {
  const origin = c.req.header('Origin')
  if (origin !== undefined) return !origins.includes(origin) && !isLoopback(hostOf(origin))
  // Requests for images and scripts have no Origin header. https://www.w3.org/TR/fetch-metadata/
  return (
    c.req.header('Sec-Fetch-Site') === 'cross-site' && c.req.header('Sec-Fetch-Mode') !== 'navigate'
  )
}

function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname : ''
}
