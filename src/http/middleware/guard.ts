/** The guard around every route: it refuses malformed URLs, answers errors, and counts and reports responses. */
import type { Context, Handler, MiddlewareHandler } from 'hono'
import { isolate } from '../../hub/hooks/isolate.ts'
import { problem, problemOf } from '../problem.ts'
import { inOrder } from './in-order.ts'
import { originText } from './origins.ts'
import { noSecretsInQuery } from './query.ts'
import { isPercentEncoded } from './readers.ts'

/** What the guard requires. */
export interface GuardInit {
  /** Runs before the handlers of a route, on requests whose URL is not checked yet. */
  readonly middleware: readonly MiddlewareHandler[]
  /** Counts error responses by status. */
  readonly errors: Map<number, number>
  readonly onResponse: ((c: Context) => void) | undefined
  onError(error: unknown, c: Context): void
}

/** Guards the handlers of one route, and makes one handler of them. */
export type Guard = (...handlers: readonly (Handler | MiddlewareHandler)[]) => Handler

/** Creates the guard of an app. */
export function createGuard({ middleware, errors, onResponse, onError }: GuardInit): Guard {
  const answer = (error: unknown, c: Context) => problemOf(error, c, onError)
  return (...handlers) => {
    const run = inOrder([...middleware, wellFormedUrl, noSecretsInQuery, ...handlers], answer)
    return (c, next) => {
      const done = run(c, next)
      return done ? done.then(() => finished(c)) : finished(c)
    }
  }

  function finished(c: Context): Response {
    const { res } = c
    const { status } = res
    if (status >= 400) errors.set(status, (errors.get(status) ?? 0) + 1)
    if (onResponse)
      void isolate(
        () => onResponse(c),
        (error) => onError(error, c),
      )
    return res
  }
}

const wellFormedUrl: Handler = (c, next) => {
  // Runtimes build the URL from whatever the client sends as Host.
  if (!isOrigin(originText(c.req.url)))
    return problem(c, 400, 'The Host header is malformed: send the host and port of this hub.')
  if (isPercentEncoded(c.req.url)) return next()
  return problem(
    c,
    400,
    'The URL is not valid percent-encoded UTF-8: encode ids and topics with encodeURIComponent.',
  )
}

let latestOrigin: string | undefined

/** Whether a URL can start like this. The latest result is cached, because most requests name the same host. */
function isOrigin(text: string): boolean {
  if (text === latestOrigin) return true
  if (!URL.canParse(text)) return false
  latestOrigin = text
  return true
}
