/** Opens streams: a Web Response whose bytes come from a connection of the hub. */
import type { Context } from 'hono'
import { checkName, checkTopics } from '../core/address.ts'
import type { ByeReason } from '../core/control-events.ts'
import type { AnyEvents } from '../core/declared-events.ts'
import { isHubError } from '../core/errors.ts'
import type { EventStream } from '../core/event-stream.ts'
import { checkOptions, KIND, type Kinds } from '../core/options/option-kinds.ts'
import type { ConnectionInfo } from '../hub/connections/connection-types.ts'
import type { RefusalReason } from '../hub/hooks/hooks.ts'
import type { ConnectOptions, Hub } from '../hub/hub-types.ts'
import { internalsOf } from '../hub/internals.ts'
import { challengeOf, unauthenticated } from './auth/errors.ts'
import { automaticStream } from './openers/automatic-stream.ts'
import { setStreamHeaders } from './openers/handed-over.ts'
import { STREAM_HEADERS as HEADERS, type OpenStream, type Run } from './openers/open-stream.ts'
import { nodeResponseOf } from './openers/runtime.ts'
import { problem } from './problem.ts'
import { compressed, negotiateCompression } from './stream-encoding.ts'

/**
 * What a stream carries, however it is opened.
 * @typeParam Context - your own data about the connection, as in the hooks of the hub
 */
export interface StreamSettings<Context = unknown> {
  readonly hub: Hub<AnyEvents, Context>
  /** The client id. It MUST come from your own login or another source that you trust. */
  readonly client: string
  /** The topics to follow, or patterns, such as `orders/*`. @defaultValue none */
  readonly topics?: readonly string[] | undefined
  /** The cursor to resume from when the request has no `Last-Event-ID` header. @defaultValue none: new events only */
  readonly lastEventId?: string | undefined
  /** When the stream must end, with `hub:bye` `expired`, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
  /** Describes the request to operators. It is stored as long as the stream is open. @defaultValue nothing */
  readonly info?: ConnectionInfo | undefined
  /** Your own data about the connection, for hooks and `hub.connections`. It never leaves this process. @defaultValue none */
  readonly context?: NoInfer<Context> | undefined
  /** Ends the stream with `hub:bye` `disconnected` when it is aborted, for example at a log-out. @defaultValue none */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link streamEvents}. */
export interface StreamOptions<Context = unknown> extends StreamSettings<Context> {
  /** How the stream opens on this runtime. @defaultValue the fastest way that the server offers */
  readonly openStream?: OpenStream | undefined
}

/** The kinds of the options of every stream. */
export const STREAM_KINDS: Kinds<StreamSettings> = {
  hub: KIND.any,
  client: KIND.any,
  topics: KIND.texts,
  lastEventId: KIND.text,
  expiresAt: KIND.number,
  info: KIND.object,
  context: KIND.any,
  signal: KIND.signal,
}

const KINDS: Kinds<StreamOptions> = { ...STREAM_KINDS, openStream: KIND.function }

const AUTOMATIC = automaticStream()

/**
 * Responds with a stream of a hub, from any route. If the stream can't be opened now, the
 * response is 200 with `hub:bye`, and it ends: at any other status, an EventSource would stop
 * reconnecting. A blocked client receives 204, at which an EventSource stops; both wait for about a
 * second. One whose permission has ended receives 401. Invalid names of topics, which may come from the request, lead to 400.
 * @throws {HubError} `invalid-address` for the client id; `invalid-option` for an option that is unknown
 * or of another kind
 * @throws {TypeError} when `createHub` of this package did not create the hub
 */
export function streamEvents<Own>(
  c: Context,
  options: StreamOptions<Own>,
): Response | Promise<Response> {
  checkOptions('streamEvents', options, KINDS)
  return respondWithStream(c, options)
}

/** Responds as {@link streamEvents}, whose options MUST have been checked. */
export function respondWithStream<Own>(
  c: Context,
  options: StreamOptions<Own>,
): Response | Promise<Response> {
  const { hub, client, topics = [], info, openStream = AUTOMATIC } = options
  const { expiresAt, context, signal } = options
  checkName('client id', client)
  const invalid = topicsProblem(c, topics)
  if (invalid) return invalid
  if (expiresAt !== undefined && expiresAt <= internalsOf(hub).clock.now()) return streamExpired(c)
  if (c.req.method === 'HEAD') return streamHead(c, hub, client)
  const refusal = internalsOf(hub).refusal(client, info)
  if (refusal === 'blocked') return streamBlocked(c, hub)
  if (refusal) return refuseWithBye(c, hub, refusal)
  const lastEventId = c.req.header('Last-Event-ID') || options.lastEventId || undefined
  setStreamHeaders(c)
  const compression = negotiateCompression(c, hub)
  const turn = untilItsTurn(c)
  // The stream opens later, when the caller may have changed its list.
  const own = [...topics]
  const run: Run = (stream) => {
    const connection = {
      client,
      topics: own,
      lastEventId,
      expiresAt,
      info,
      context,
      signal,
      stream,
    }
    return turn ? turn.then(() => connectStream(hub, connection)) : connectStream(hub, connection)
  }
  return openStream(c, compression ? compressed(run, compression) : run)
}

/** Responds with 401, at which an EventSource stops: its page has to ask for another permission. */
function streamExpired(c: Context): Response {
  const refusal = unauthenticated('The permission to listen has ended: log in again.')
  c.header('WWW-Authenticate', challengeOf(refusal))
  return problem(c, 401, refusal.message)
}

/**
 * On Node, waits until a pipelined request may be answered: the response has its socket then. Node
 * handles all of them at once and reports no disconnect to those that still wait.
 */
function untilItsTurn(c: Context): Promise<void> | undefined {
  const response = nodeResponseOf(c)
  if (response?.socket !== null) return undefined
  return new Promise((resolve) => response.once('socket', resolve))
}

/** Returns a 400 response for invalid topics; undefined for valid ones. */
export function topicsProblem(c: Context, topics: readonly string[]): Response | undefined {
  try {
    checkTopics(topics)
    return undefined
  } catch (error) {
    if (isHubError(error)) return problem(c, 400, error.message, undefined, error.code)
    throw error
  }
}

/**
 * Connects a stream. Nothing waits for one that the hub ends itself, which takes memory as long as it is open.
 * It does not see the request, which would otherwise stay in memory, too.
 */
function connectStream<Own>(
  hub: Hub<AnyEvents, Own>,
  options: ConnectOptions<Own>,
): Promise<void> | undefined {
  try {
    // The hub may have become full between the response and its reader.
    const { refusal, connect } = internalsOf(hub)
    const refused = refusal(options.client, options.info)
    if (refused) return sayGoodbye(hub, options.stream, refused)
    const connection = connect(options)
    // Now, because the server may send the head of the response with it.
    connection.flush()
    return options.stream.end ? undefined : connection.ended
  } catch (error) {
    return Promise.reject(error)
  }
}

async function sayGoodbye(hub: Hub, stream: EventStream, refused: RefusalReason): Promise<void> {
  await stream.write(internalsOf(hub).byeFrame(refused === 'blocked' ? 'disconnected' : refused))
  stream.end?.()
}

/** Responds to HEAD. Hono would run the GET handler and drop the body unread: that stream would never end. */
export function streamHead(c: Context, hub: Hub, client: string): Response | Promise<Response> {
  if (internalsOf(hub).isBlocked(client)) return streamBlocked(c, hub)
  negotiateCompression(c, hub)
  return c.body(null, 200, HEADERS)
}

/**
 * Responds to a blocked client with 204, at which an EventSource stops; a cache must not store it beyond the
 * block. It waits for about a second, because some clients come back at 204, too, as fast as they are answered.
 */
export async function streamBlocked(c: Context, hub: Hub): Promise<Response> {
  if (c.req.method !== 'HEAD')
    await internalsOf(hub).hold(c.req.raw?.signal ?? new AbortController().signal)
  return c.body(null, 204, { 'Cache-Control': 'no-store' })
}

/**
 * Refuses a stream for now, with `hub:bye` alone: at any status but 200, an EventSource would stop
 * reconnecting. It waits for about a second, because some clients ignore `retry:`.
 * @throws {TypeError} when `createHub` of this package did not create the hub
 */
export function refuseWithBye(c: Context, hub: Hub, reason: ByeReason): Response {
  const { byeFrame, hold } = internalsOf(hub)
  return respondLate(c, byeFrame(reason), hold)
}

/** Resolves when a refusal may be sent. The signal is aborted when the client leaves. */
export type Hold = (left: AbortSignal) => Promise<void>

/** Responds with the goodbye of a stream that is refused for now. */
export function respondLate(c: Context, bye: Uint8Array, hold: Hold): Response {
  return c.body(lateBody(bye, hold) as ReadableStream, 200, HEADERS)
}

/** The response of {@link respondLate} outside Hono. */
export function streamOfBye(bye: Uint8Array, hold: Hold): Response {
  return new Response(lateBody(bye, hold), { headers: HEADERS })
}

/** Nothing is held for a body that is never read. */
function lateBody(bye: Uint8Array, hold: Hold): ReadableStream<Uint8Array> {
  const left = new AbortController()
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    await hold(left.signal)
    if (left.signal.aborted) return
    controller.enqueue(bye)
    controller.close()
  }
  return new ReadableStream({ pull, cancel: () => left.abort() }, { highWaterMark: 0 })
}
