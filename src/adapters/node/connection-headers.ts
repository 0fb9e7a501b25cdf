/** Headers about the connection, which HTTP/1.1 has and HTTP/2 forbids: one of them would end the process. */

/** @see https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2 */
const FORBIDDEN = [
  'Connection',
  'HTTP2-Settings',
  'Keep-Alive',
  'Proxy-Connection',
  'TE',
  'Transfer-Encoding',
  'Upgrade',
]

/** Returns a response that may be sent: over HTTP/2, without such headers. Hono's `streamSSE`, for example, sets some. */
export function sendable(outgoing: object, response: Response): Response {
  if (!('stream' in outgoing)) return response
  const found = FORBIDDEN.filter((name) => response.headers.has(name))
  if (found.length === 0) return response
  const { status, statusText, body } = response
  const headers = new Headers(response.headers)
  for (const name of found) headers.delete(name)
  // Those of a response of `fetch` can't be changed.
  return new Response(body, { status, statusText, headers })
}
