/** Types of routes, from which Hono’s `hc` derives a typed client. */
import type { Context, Hono } from 'hono'
import type { BlankEnv, ExtractSchema, ResponseFormat, Schema, TypedResponse } from 'hono/types'
import type { StatusCode } from 'hono/utils/http-status'
import type { Problem, ProblemStatus } from '../problem.ts'

/** A route that responds with JSON, or with a problem. */
export type JsonRoute<Input, Output, Status extends 200 | 202 = 200> =
  | { input: Input; output: Output; outputFormat: 'json'; status: Status }
  | ProblemRoute<Input>

/** A route that responds with a fixed word, or with a problem. */
export type TextRoute<Word extends string> =
  | { input: object; output: Word; outputFormat: 'text'; status: 200 }
  | ProblemRoute<object>

/** A route whose response body the typed client does not parse. */
export type StreamRoute<Input> = {
  input: Input
  output: unknown
  outputFormat: ResponseFormat
  status: StatusCode
}

// Not an interface: `hc` accepts only types with an implicit index signature.
type ProblemRoute<Input> = {
  input: Input
  output: Problem
  outputFormat: 'json'
  status: ProblemStatus
}

/**
 * Narrows the type of an app to these routes. Hono's own type would accept any routes; this compiles
 * only when the app has these, with these inputs and outputs.
 */
export function asRoutes<Routes extends Schema, App>(
  app: App & (ExtractSchema<App> extends Routes ? unknown : never),
): Hono<BlankEnv, Routes> {
  return app as unknown as Hono<BlankEnv, Routes>
}

/** Creates a JSON response, typed exactly: Hono's own type turns absent properties into undefined ones. */
export function jsonResponse<Output extends object, Status extends 200 | 202 = 200>(
  c: Context,
  output: Output,
  status: 200 | 202 = 200,
): Response & TypedResponse<Output, Status, 'json'> {
  return c.json(output, status) as unknown as Response & TypedResponse<Output, Status, 'json'>
}
