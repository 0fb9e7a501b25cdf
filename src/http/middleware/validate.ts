/** Validates requests. The response lists everything that is wrong at once. */
import { zValidator } from '@hono/zod-validator'
import type { Context, MiddlewareHandler, ValidationTargets } from 'hono'
import type { z } from 'zod'
import type { Issue } from '../../core/errors.ts'
import { invalidFields } from '../problem.ts'

/** The types of a validated target: what a client may send, and what the handler receives. */
export type Valid<Target extends keyof ValidationTargets, Output, Input> = {
  in: { [K in Target]: Input }
  out: { [K in Target]: Output }
}

/** Returns 400 unless the target matches the schema. */
export function valid<Target extends 'query' | 'param', Output, Input>(
  target: Target,
  schema: z.ZodType<Output, Input>,
): MiddlewareHandler<object, string, Valid<Target, Output, Input>> {
  return zValidator(target, schema, (result, c) => {
    return result.success ? undefined : invalid(c, target, result.error)
  }) as unknown as MiddlewareHandler<object, string, Valid<Target, Output, Input>>
}

/** Returns 400 and lists everything that is wrong. */
export function invalid(c: Context, target: string, error: Pick<z.ZodError, 'issues'>): Response {
  return invalidFields(c, target, issuesIn(error))
}

/** Everything that a schema found wrong. */
export function issuesIn({ issues }: Pick<z.ZodError, 'issues'>): readonly Issue[] {
  return issues.map(({ path, message }) => ({
    path: path.join('.'),
    // The message quotes unknown keys, which may be of any length.
    message: message.slice(0, 200),
  }))
}
