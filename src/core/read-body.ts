/** Reads the bodies of requests and responses up to a size limit. */

/**
 * Reads a body and stops once it exceeds `maxBytes`: a result longer than that is incomplete.
 * @param rest - whether the rest is cancelled. On Node, that closes the socket of a request
 */
export async function readBody(
  { body }: Pick<Request | Response, 'body'>,
  maxBytes: number,
  rest: 'cancel' | 'leave' = 'cancel',
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let byteLength = 0
  const reader = body?.getReader()
  while (reader && byteLength <= maxBytes) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    byteLength += value.byteLength
  }
  if (rest === 'cancel') await reader?.cancel()
  const bytes = new Uint8Array(byteLength)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.byteLength
  }
  return bytes
}
