/** Middleware that checks the permissions of a request and records its subject. */
import type { Context, Handler, MiddlewareHandler } from 'hono'
import type { Address } from '../../core/address.ts'
import type { Access } from '../auth/authorizer.ts'
import { problem } from '../problem.ts'
import { bodyTypeOf } from './body.ts'

/** Requires the permission to operate. Without access control, every request passes. */
export function requireOperate(access: Access | undefined): MiddlewareHandler {
  if (!access) return passThrough
  return async (c, next) => {
    await access.operate(c)
    await next()
  }
}

/** Requires the permission to read metrics. Without access control, every request passes. */
export function requireMetrics(access: Access | undefined): MiddlewareHandler {
  if (!access) return passThrough
  return async (c, next) => {
    await (access.metrics ? access.metrics(c) : access.operate(c))
    await next()
  }
}

/** Requires the permission to publish to the request's address. Without access control, every request passes. */
export function requirePublish(
  access: Access | undefined,
  addressOf: (c: Context) => Address,
): MiddlewareHandler {
  if (!access) return passThrough
  return async (c, next) => {
    c.set('subject', await access.publish(c, addressOf(c)))
    await next()
  }
}

/** Passes every request on. */
export const passThrough: MiddlewareHandler = (_, next) => next()

/** Parameters that people put credentials into. */
const SECRETS = /^(access_?token|api_?key|auth|authorization|bearer|jwt|key|publish_?key|token)$/i

/** The path of a stop, wherever the app is mounted. */
const STOP = /\/clients\/[^/]+\/stop$/

/** Whether `key` in the query of a request is that of an event. */
function hasEventKey(c: Context): boolean {
  if (c.req.method !== 'POST') return false
  return STOP.test(c.req.path) || bodyTypeOf(c) === 'text/event-stream'
}

/** Refuses credentials in the query, because the logs of every proxy would store them. */
export const noSecretsInQuery: Handler = (c, next) => {
  const at = c.req.url.indexOf('?')
  const names = at === -1 ? [] : [...new URLSearchParams(c.req.url.slice(at)).keys()]
  if (!names.some((name) => SECRETS.test(name) && !(name === 'key' && hasEventKey(c))))
    return next()
  return problem(
    c,
    400,
    'Credentials are not accepted in a URL, because logs store URLs: send "Authorization: Bearer …".',
  )
}
