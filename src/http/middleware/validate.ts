/** Validation of requests, whose answer lists everything that is wrong at once. */
import { zValidator } from '@hono/zod-validator'
import type { Context, MiddlewareHandler, ValidationTargets } from 'hono'
import type { z } from 'zod'
import { problem } from '../problem.ts'

/** What a validated target holds, and what a client may send. */
export type Valid<Target extends keyof ValidationTargets, Output, Input> = {
  in: { [K in Target]: Input }
  out: { [K in Target]: Output }
}

/** Lets a request through when the target fits the schema, else answers 400. */
export function valid<Target extends 'query' | 'param', Output, Input>(
  target: Target,
  schema: z.ZodType<Output, Input>,
): MiddlewareHandler<object, string, Valid<Target, Output, Input>> {
  return zValidator(target, schema, (result, c) => {
    return result.success ? undefined : invalid(c, target, result.error)
  }) as unknown as MiddlewareHandler<object, string, Valid<Target, Output, Input>>
}

/** Answers 400 with everything that is wrong. */
export function invalid(c: Context, target: string, error: Pick<z.ZodError, 'issues'>): Response {
  const issues = error.issues.map(({ path, message }) => ({
    path: [target, ...path].join('.'),
    // An unknown key is quoted, however long it is.
    message: message.slice(0, 200),
  }))
  const detail = issues.map(({ path, message }) => `${path} ${message}`).join('; ')
  return problem(c, 400, `${detail}.`, issues)
}
