/** Middleware that checks the permissions of a request and records its subject. */
import type { Context, MiddlewareHandler } from 'hono'
import type { Address } from '../../core/address.ts'
import type { Access } from '../auth/authorizer.ts'
import { SUBJECT } from './variables.ts'

/** Requires the permission to operate. Without access control, every request passes. */
export function requireOperate(access: Access | undefined): MiddlewareHandler {
  return requires(async (c) => await access?.operate(c))
}

/** Requires the permission to read metrics. Without access control, every request passes. */
export function requireMetrics(access: Access | undefined): MiddlewareHandler {
  return requires(async (c) => await (access?.metrics ? access.metrics(c) : access?.operate(c)))
}

/**
 * Requires a permission. No cache may store what it is for: a shared one could give the response to a login by cookie to anyone.
 * @see https://www.rfc-editor.org/rfc/rfc9111#section-3
 */
function requires(check: (c: Context) => Promise<void>): MiddlewareHandler {
  return async (c, next) => {
    await check(c)
    await next()
    if (c.res.ok) c.header('Cache-Control', 'no-store')
  }
}

/** Requires the permission to publish to the request's address. Without access control, every request passes. */
export function requirePublish(
  access: Access | undefined,
  addressOf: (c: Context) => Address,
): MiddlewareHandler {
  if (!access) return passThrough
  return async (c, next) => {
    c.set(SUBJECT, await access.publish(c, addressOf(c)))
    await next()
  }
}

/** Passes every request on. */
export const passThrough: MiddlewareHandler = (_, next) => next()
