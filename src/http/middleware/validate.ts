/** Validates requests. The response lists everything that is wrong at once. */
import { zValidator } from '@hono/zod-validator'
import type { Context, MiddlewareHandler, ValidationTargets } from 'hono'
import type { z } from 'zod'
import { type Issue, MAX_ISSUES } from '../../core/errors.ts'
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

/** What a schema found wrong: at most the first {@link MAX_ISSUES}. */
export function issuesIn({ issues }: Pick<z.ZodError, 'issues'>): readonly Issue[] {
  const first = issues.slice(0, MAX_ISSUES).flatMap((issue) => furthest(issue))
  return first
    .flatMap((issue) => eachUnknown(issue))
    .slice(0, MAX_ISSUES)
    .map(({ path, message }) => ({ path: path.join('.'), message }))
}

type ZodIssue = z.core.$ZodIssue

/** The maximum length of a name that a problem quotes. */
const MAX_QUOTED = 100

/** A name that a request contains, cut if it is too long to be repeated. */
export function quoted(name: string): string {
  return name.length > MAX_QUOTED ? `${name.slice(0, MAX_QUOTED)}…` : name
}

/** One issue for each name that is unknown. */
function eachUnknown(issue: ZodIssue): readonly Pick<ZodIssue, 'path' | 'message'>[] {
  if (issue.code !== 'unrecognized_keys') return [issue]
  return issue.keys.slice(0, MAX_ISSUES).map((key) => {
    return { path: [...issue.path, quoted(key)], message: 'is unknown' }
  })
}

/** Of a value that matches none of several schemas, what is wrong in it for the only one whose type it has. */
function furthest(issue: ZodIssue): readonly ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const inside = issue.errors
    .filter((errors) => errors.every(({ path }) => path.length > 0))
    .sort((one, other) => one.length - other.length)
  const [best, next] = inside
  if (!best || best.length === next?.length) return [issue]
  return best
    .map((one) => ({ ...one, path: [...issue.path, ...one.path] }))
    .flatMap((one) => furthest(one))
}
