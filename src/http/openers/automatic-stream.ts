/** Opens each stream in the fastest way that the server of its request offers. */
import type { Context } from 'hono'
import { systemClock } from '../../core/clock.ts'
import { nodeStream } from './node-stream.ts'
import type { OpenStream } from './open-stream.ts'
import { portableStream } from './portable-stream.ts'
import { bunServerOf, nodeResponseOf, RUNTIME } from './runtime.ts'
import { type ReaderProbe, webStream } from './web-stream.ts'

/**
 * When a client resets its connection within milliseconds, workerd reads the first bytes, never reads
 * again and reports no disconnect. A comment, which clients ignore, detects such streams.
 */
const WORKERD_PROBE: ReaderProbe = {
  bytes: new TextEncoder().encode(':\n\n'),
  maxWaitMs: 10_000,
  clock: systemClock,
}

const QUIET_STREAMS =
  'hono-sse: Bun closes streams that are quiet for ten seconds, unless its idleTimeout is 0.'

const PASS_APP = 'Pass the app to Bun as Bun.serve({ fetch: app.fetch, idleTimeout: 0 }).'

/** Whether the process was warned that Bun hides its server. */
let warned = false

/** Creates the default opener. On a server that it doesn’t know, it is `portableStream()`. */
export function automaticStream(): OpenStream {
  const portable = portableStream()
  const direct = fetchStream(PASS_APP)
  return (c, run) => {
    const outgoing = nodeResponseOf(c)
    if (outgoing) return nodeStream(c, outgoing, run)
    const isDirect = RUNTIME === 'bun' || RUNTIME === 'deno' || RUNTIME === 'workerd'
    return isDirect ? direct(c, run) : portable(c, run)
  }
}

/**
 * Creates the opener for servers that read Web streams. On Bun, it lets streams be quiet, whatever the `idleTimeout`.
 * @param remedy - what to do if Bun's server is hidden from it. It is logged once
 */
export function fetchStream(remedy: string): OpenStream {
  const web = webStream(RUNTIME === 'workerd' ? WORKERD_PROBE : undefined)
  return RUNTIME === 'bun' ? onBun : web

  function onBun(...[c, run]: Parameters<OpenStream>): Response {
    const server = bunServerOf(c)
    server?.timeout(c.req.raw, 0)
    if (!server && !isOnNodeServer(c) && !warned) {
      warned = true
      console.warn(`${QUIET_STREAMS} ${remedy}`)
    }
    return web(c, run)
  }
}

/** Whether Bun’s imitation of Node’s server serves the app; it has no idle timeout. */
function isOnNodeServer({ env }: Pick<Context, 'env'>): boolean {
  return env?.outgoing !== undefined
}
