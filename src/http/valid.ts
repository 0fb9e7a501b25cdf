/** Validation of requests, whose answer lists everything that is wrong at once. */
import { zValidator } from '@hono/zod-validator'
import type { Context, MiddlewareHandler, ValidationTargets } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { z } from 'zod'
import { problem } from './problem.ts'

/** What a validated target holds. */
export type Valid<Target extends keyof ValidationTargets, Output> = {
  in: { [K in Target]: unknown }
  out: { [K in Target]: Output }
}

/** Lets a request through when the target fits the schema, else answers 400. */
export function valid<Target extends 'query' | 'param' | 'json', Output>(
  target: Target,
  schema: z.ZodType<Output>,
): MiddlewareHandler<object, string, Valid<Target, Output>> {
  return zValidator(target, schema, (result, c) => {
    if (!result.success) return refuse(c, target, result.error)
  }) as unknown as MiddlewareHandler<object, string, Valid<Target, Output>>
}

/** The same for a body that was read and is known to be JSON, whatever its type says. */
export function validJson<Output extends object>(
  schema: z.ZodType<Output>,
): MiddlewareHandler<object, string, Valid<'json', Output>> {
  return async (c, next) => {
    const body = await c.req.json().catch(() => {
      throw new HTTPException(400, { message: 'Malformed JSON in request body' })
    })
    const result = schema.safeParse(body)
    if (!result.success) return refuse(c, 'json', result.error)
    c.req.addValidatedData('json', result.data)
    return await next()
  }
}

function refuse(
  c: Context,
  target: string,
  error: { readonly issues: readonly z.core.$ZodIssue[] },
) {
  const issues = error.issues.map(({ path, message }) => ({
    path: [target, ...path].join('.'),
    // An unknown key is quoted, however long it is.
    message: message.slice(0, 200),
  }))
  const detail = issues.map(({ path, message }) => `${path} ${message}`).join('; ')
  return problem(c, 400, `${detail}.`, issues)
}
