/** Copies of a request, for several objects: its body can be read but once. */

/** A body that is read as far as one may be; what is cut off there is too large for an object, too. */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let bytes = 0
  const reader = request.body?.getReader()
  while (reader && bytes <= maxBytes) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    bytes += value.byteLength
  }
  await reader?.cancel()
  const body = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    body.set(part, at)
    at += part.byteLength
  }
  return body
}

/** The same request once more. @param id - its name in logs, if it has one already */
export function cloneRequest(
  request: Request,
  body: Uint8Array<ArrayBuffer>,
  id?: string | null,
): Request {
  const headers = new Headers(request.headers)
  if (id) headers.set('X-Request-Id', id)
  headers.delete('Content-Length')
  return new Request(request.url, { method: request.method, headers, body })
}
