/** Middleware that checks the permissions of a request and records its subject. */
import type { Context, MiddlewareHandler } from 'hono'
import type { Address } from '../../core/address.ts'
import type { Access } from '../auth/authorizer.ts'
import { SUBJECT } from './variables.ts'

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
    c.set(SUBJECT, await access.publish(c, addressOf(c)))
    await next()
  }
}

/** Passes every request on. */
export const passThrough: MiddlewareHandler = (_, next) => next()
