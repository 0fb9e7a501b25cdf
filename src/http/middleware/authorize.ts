/** Middleware that lets pass who has the right, and that knows whose request it is. */
import type { Context, MiddlewareHandler } from 'hono'
import type { Address } from '../../core/address.ts'
import type { Access } from '../auth/authorizer.ts'
import { problem } from '../problem.ts'

/** Lets pass who may see and disconnect clients; all, where there is no access control. */
export function requireOperate(access: Access | undefined): MiddlewareHandler {
  if (!access) return passThrough
  return async (c, next) => {
    await access.operate(c)
    await next()
  }
}

/** Lets pass who may publish to the address of the request; all, where there is no access control. */
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

/** Lets everything pass. */
export const passThrough: MiddlewareHandler = (_, next) => next()

/** Names under which people put credentials into URLs. */
const SECRETS = /^(access_?token|api_?key|auth|authorization|bearer|jwt|key|publish_?key|token)$/i

/** Refuses a credential in the query, so that nobody gets used to one that every log on the way keeps. */
export const noSecretsInQuery: MiddlewareHandler = async (c, next) => {
  const at = c.req.url.indexOf('?')
  const names = at === -1 ? [] : [...new URLSearchParams(c.req.url.slice(at)).keys()]
  if (!names.some((name) => SECRETS.test(name))) return await next()
  return problem(c, 400, 'Never put a credential into a URL: send it as "Authorization: Bearer".')
}
