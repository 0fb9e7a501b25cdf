/** Whether a stream is compressed: the hub can do it, and its client accepts it. */
import type { Context } from 'hono'
import { accepts } from 'hono/accepts'
import type { Compression } from '../core/event-stream.ts'
import { internalsOf } from '../hub/internals.ts'
import type { Run } from './openers/open-stream.ts'

/** Returns the compression of a stream, and sets its headers; undefined if the stream is not compressed. */
export function negotiateCompression(c: Context, hub: object): Compression | undefined {
  const { compression } = internalsOf(hub)
  if (!compression) return undefined
  c.header('Vary', 'Accept-Encoding', { append: true })
  if (!isAccepted(c, compression.encoding)) return undefined
  c.header('Content-Encoding', compression.encoding)
  return compression
}

/** Returns what feeds a stream compressed. */
export function compressed(run: Run, compression: Compression): Run {
  return async (stream) => {
    const uncompressed = compression.compress(stream)
    await run(uncompressed)
    uncompressed.finish()
    stream.end?.()
  }
}

/** Whether the client names this encoding and likes it as much as none. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3 */
function isAccepted(c: Context, encoding: string): boolean {
  const chosen = accepts(c, {
    header: 'Accept-Encoding',
    supports: [encoding],
    default: 'identity',
    match: (accepted) => {
      const quality = (name: string) =>
        accepted.find(({ type }) => type.toLowerCase() === name)?.q ?? 0
      return quality(encoding) > 0 && quality(encoding) >= quality('identity')
        ? encoding
        : 'identity'
    },
  })
  return chosen === encoding
}
