/** Routes as types, from which Hono’s `hc` makes a client. */
import type { Context, Hono } from 'hono'
import type { BlankEnv, ExtractSchema, ResponseFormat, Schema, TypedResponse } from 'hono/types'
import type { StatusCode } from 'hono/utils/http-status'
import type { Problem, ProblemStatus } from '../problem.ts'

/** A route that answers JSON, or a problem. */
export type JsonRoute<Input, Output> =
  | { input: Input; output: Output; outputFormat: 'json'; status: 200 }
  | ProblemRoute<Input>

/** A route that answers a word, or a problem. */
export type TextRoute<Word extends string> =
  | { input: object; output: Word; outputFormat: 'text'; status: 200 }
  | ProblemRoute<object>

/** A route whose answer the client reads by itself. */
export type StreamRoute<Input> = {
  input: Input
  output: unknown
  outputFormat: ResponseFormat
  status: StatusCode
}

// A type and not an interface: `hc` takes only what has an implicit index signature for a route.
type ProblemRoute<Input> = {
  input: Input
  output: Problem
  outputFormat: 'json'
  status: ProblemStatus
}

/**
 * The app, as one that has just these routes. Hono itself takes an app for one with any routes;
 * this compiles only if the app has them, with these inputs and outputs.
 */
export function asRoutes<Routes extends Schema, App>(
  app: App & (ExtractSchema<App> extends Routes ? unknown : never),
): Hono<BlankEnv, Routes> {
  return app as unknown as Hono<BlankEnv, Routes>
}

/** Answers with JSON, typed as what it is: in Hono's own type what may be absent may be undefined. */
export function jsonResponse<Output extends object>(
  c: Context,
  output: Output,
): Response & TypedResponse<Output, 200, 'json'> {
  return c.json(output, 200) as unknown as Response & TypedResponse<Output, 200, 'json'>
}
