/** Streams of this package’s own server on Node: the response is fed without a body, which makes an arrival cheaper. */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Handover } from '../../http/openers/handed-over.ts'
import type { NodeResponse } from '../../http/openers/node-response.ts'
import { feed } from '../../http/openers/node-sink.ts'
import { sendable } from './connection-headers.ts'

/** The part of what `@hono/node-server` passes to an app that is used here. */
interface Bindings {
  readonly outgoing: unknown
}

// If a server has replaced the global Response before this module was loaded, the constant is one that would be sent
// once more. Reading the body makes it one that the server recognizes.
void RESPONSE_ALREADY_SENT.body

type Fetch<Env> = (request: Request, env: Env) => Response | Promise<Response>

/** Wraps the fetch of an app: once all middleware has run, it sends what was handed over. */
export function feedDirectly<Env extends Bindings>(fetch: Fetch<Env>): Fetch<Env> {
  return async (request, env) => {
    const outgoing = env.outgoing as NodeResponse
    const handover = new Handover()
    const response = await fetch(request, Object.assign(env, { handover }))
    const { run, headers = {} } = handover
    // If middleware replaced the response, for example with an error or a stream of its own, it is sent as usual.
    if (!run || !isStream(response, handover)) {
      if (!outgoing.destroyed && !outgoing.headersSent) setHeaders(outgoing, headers)
      return sendable(outgoing, response)
    }
    if (!outgoing.destroyed) {
      // The headers and the first event leave together.
      const socket = outgoing.stream ? null : outgoing.socket
      socket?.cork?.()
      sendHeaders(outgoing, sendable(outgoing, response).headers, headers)
      feed(outgoing, run)
      socket?.uncork?.()
    }
    return RESPONSE_ALREADY_SENT
  }
}

function setHeaders(outgoing: NodeResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value)
}

/** Whether a response stands for the stream that was handed over: it is the same, or middleware has copied it. */
function isStream(response: Response, { response: own, headers }: Handover): boolean {
  if (response === own) return true
  if (response.status !== 200 || response.body !== null) return false
  const type = response.headers.get('Content-Type') ?? headers?.['content-type'] ?? ''
  return type.startsWith('text/event-stream')
}

function sendHeaders(
  outgoing: NodeResponse,
  own: Headers,
  common: Readonly<Record<string, string>>,
): void {
  const fields: Record<string, string | string[]> = Object.assign({}, common)
  for (const [name, value] of own) fields[name] = value
  // As a field, it has the last of them only.
  if (fields['set-cookie'] !== undefined) fields['set-cookie'] = own.getSetCookie()
  outgoing.writeHead(200, fields)
  outgoing.flushHeaders?.()
}
