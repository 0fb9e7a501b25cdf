/** Runs the handlers of a route as one, with a promise only where one of them waits: Hono makes several for each. */
import type { Context, Handler, MiddlewareHandler, Next } from 'hono'
import { passThrough } from './authorize.ts'

/** What a handler may return: it need not be a promise. */
type Result = Response | undefined

/** Turns what a handler throws into a response. */
type Answer = (error: unknown, c: Context) => Response

/** What `next` returns if nothing waits. */
const DONE: Promise<void> = Promise.resolve()

/**
 * Combines handlers, which run as they do in Hono: what one of them returns is the response, unless there is one,
 * and what it throws is answered before the handler that called it continues. The result is undefined if none waits.
 */
export function inOrder(
  handlers: readonly (Handler | MiddlewareHandler)[],
  answer: Answer,
): (c: Context, next: Next) => Promise<void> | undefined {
  const steps = handlers.filter((handler) => handler !== passThrough)
  return (c, next) => {
    const done = run(c, next, 0)
    return done === DONE ? undefined : done
  }

  function run(c: Context, next: Next, at: number): Promise<void> {
    const step = steps[at]
    if (!step) return next()
    const fail = (error: unknown) => {
      if (error instanceof Error) c.error = error
      c.res = answer(error, c)
    }
    try {
      const result = step(c, () => run(c, next, at + 1)) as Result | Promise<Result>
      if (result === DONE) return DONE
      if (result instanceof Promise) return result.then((response) => accept(c, response), fail)
      accept(c, result)
    } catch (error) {
      fail(error)
    }
    return DONE
  }
}

function accept(c: Context, response: Result): void {
  if (response && !c.finalized) c.res = response
}
