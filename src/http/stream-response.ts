/** Opens streams from any function that receives a Request and returns a Response, without Hono. */
import { checkOptions, KIND, type Kinds } from '../core/options/option-kinds.ts'
import { fetchStream } from './openers/automatic-stream.ts'
import { bareContext } from './openers/bare-context.ts'
import type { BunServer } from './openers/runtime.ts'
import { respondWithStream, STREAM_KINDS, type StreamSettings } from './stream.ts'

/** Options of {@link createStreamResponse}. */
export interface StreamResponseOptions<Context = unknown> extends StreamSettings<Context> {
  /**
   * On Bun, the second argument of the `fetch` of `Bun.serve`. With it, streams may be quiet whatever the
   * `idleTimeout` is, and clients that no longer read are cut off. @defaultValue none
   */
  readonly server?: BunServer | undefined
}

const KINDS: Kinds<StreamResponseOptions> = {
  ...STREAM_KINDS,
  server: {
    rule: 'must be the server that Bun passes to fetch',
    accepts: (value) => KIND.function.accepts(Object(value).timeout),
  },
}

const OPENER = fetchStream(
  'Pass the second argument of fetch: createStreamResponse(request, { …, server }).',
)

/**
 * Responds with a stream of a hub, as `streamEvents` does, in any fetch handler: Next.js, SvelteKit,
 * Remix, `Bun.serve`, `Deno.serve`.
 * @throws {HubError} `invalid-address` for the client id; `invalid-option` for an option that is unknown
 * or of another kind
 * @throws {TypeError} when `createHub` of this package did not create the hub
 */
export function createStreamResponse<Own>(
  request: Request,
  options: StreamResponseOptions<Own>,
): Response | Promise<Response> {
  checkOptions('createStreamResponse', options, KINDS)
  const { server, ...rest } = options
  const { method, headers } = request
  const header = (name: string) => headers.get(name) ?? undefined
  const c = bareContext({ method, header, raw: request }, server)
  return respondWithStream(c, { ...rest, openStream: OPENER })
}
