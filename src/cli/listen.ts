/** `hono-sse listen`: prints the events of a stream and reconnects when the connection is lost. */
import { openFetchStream } from '../client/fetch-stream.ts'
import type { ClientStatus, ReceivedEvent } from '../client/stream-types.ts'
import { basicClock } from '../core/clock.ts'
import { createFrameParser } from '../core/parsing/frame-parser.ts'
import { colour } from './colour.ts'
import { CliError, EXIT } from './exit.ts'
import { formatControlEvent, formatEvent } from './format.ts'
import { type Credentials, requestTicket } from './publish.ts'
import { bearer, errorOf, routeUrl, sendRequest } from './remote.ts'

/** The flags of `listen`. */
export interface ListenFlags extends Credentials {
  readonly client?: string
  readonly topic?: readonly string[]
  readonly ticket?: string | undefined
  readonly lastEventId?: string
  readonly json?: true
  /** Whether lines begin with the topic. @defaultValue false */
  readonly topics?: boolean
}

/** Listens until an error ends it. @throws {CliError} if the hub refuses the stream, or can't be reached at first */
export function listen(hub: string, flags: ListenFlags): Promise<never> {
  const url = streamUrl(hub, flags)
  const open = createOpener(hub, flags)
  const { lastEventId } = flags
  return new Promise((_, reject) => {
    let wasConnected = false
    let isReconnecting = false
    const options = { url, lastEventId, fetch: request, clock: basicClock, random: Math.random }
    const stream = openFetchStream(options, () => {}, onStatus)

    async function request(_: unknown, init: RequestInit = {}): Promise<Response> {
      try {
        return withListener(
          await open(url, init),
          createFrameParser(onFrame, () => {}),
        )
      } catch (error) {
        // After a first connection, wait for a hub that is being replaced, even if a proxy returns 502.
        const isTemporary = error instanceof CliError && error.exitCode === EXIT.unavailable
        if (!isTemporary || !wasConnected) {
          stream.close()
          reject(error)
        }
        throw error
      }
    }

    function onFrame(frame: ReceivedEvent): void {
      const { event, data } = frame
      isReconnecting = event === 'hub:bye'
      const notice = formatControlEvent(event, data)
      if (notice) console.error(colour('grey', notice, process.stderr))
      if (!event.startsWith('hub:')) console.log(formatEvent(frame, flags))
    }

    function onStatus(status: ClientStatus): void {
      if (status.state === 'live') wasConnected = true
      if (status.state !== 'waiting') return
      if (!isReconnecting) {
        const notice = `connection lost (${status.reason}): reconnecting`
        console.error(colour('grey', notice, process.stderr))
      }
      isReconnecting = true
    }
  })
}

/** Listens to topics, as a client of its own. @throws {CliError} */
export function tail(hub: string, topic: readonly string[], flags: ListenFlags): Promise<never> {
  // A token names its client.
  const client = flags.token ? {} : { client: `tail-${crypto.randomUUID()}` }
  return listen(hub, { ...flags, ...client, topic, topics: true })
}

/** Passes the text of a response on, also to a listener: this command prints control events, which the client keeps to itself. */
function withListener(response: Response, onText: (text: string) => void): Response {
  const decoder = new TextDecoder()
  const tap = new TransformStream<Uint8Array, Uint8Array>({
    transform: (bytes, controller) => {
      onText(decoder.decode(bytes, { stream: true }))
      controller.enqueue(bytes)
    },
  })
  return new Response(response.body?.pipeThrough(tap), response)
}

function streamUrl(hub: string, { client, topic = [] }: ListenFlags): URL {
  const url = routeUrl(hub, 'sse')
  if (client !== undefined) url.searchParams.set('id', client)
  for (const name of topic) url.searchParams.append('topic', name)
  return url
}

/** Creates a function that opens the stream: with the token, or with a new ticket each time, requested with a key. */
function createOpener(hub: string, flags: ListenFlags) {
  const { client, topic = [], key, token, ticket } = flags
  if (key && client === undefined) {
    throw new CliError(EXIT.usage, 'With --key, --client is required.')
  }
  // A ticket works once. Reconnects send the cookies that were set with the stream: that of the grant,
  // and that of a load balancer, which leads to the same instance.
  const cookies = new Map<string, string>()

  return async (url: URL, init: RequestInit): Promise<Response> => {
    const target = new URL(url)
    const currentTicket = key && client !== undefined ? await newTicket(client, key) : ticket
    if (currentTicket) target.searchParams.set('ticket', currentTicket)
    const headers = new Headers({ ...(init.headers as object), ...bearer(token) })
    const pairs = [...cookies].map(([name, value]) => `${name}=${value}`)
    if (pairs.length > 0) headers.set('Cookie', pairs.join('; '))
    const response = await sendRequest(target, { ...init, headers })
    for (const text of response.headers.getSetCookie()) keepCookie(cookies, text)
    if (response.status === 200) {
      if (/^text\/event-stream\b/i.test(response.headers.get('Content-Type') ?? '')) return response
      throw new CliError(EXIT.refused, `The response is not a stream: ${url.origin} is not a hub.`)
    }
    if (response.status === 204) {
      throw new CliError(EXIT.forbidden, 'This client is temporarily blocked: try again later.')
    }
    throw await errorOf(response)
  }

  /** Returns undefined if the hub issues no tickets: without a key, it requires none. */
  async function newTicket(client: string, key: string): Promise<string | undefined> {
    try {
      return await requestTicket(hub, { client, topic, key })
    } catch (error) {
      if (error instanceof CliError && error.status === 404) return undefined
      throw error
    }
  }
}

/** Stores a cookie, or removes it if it is cleared. */
function keepCookie(cookies: Map<string, string>, text: string): void {
  const [, name = '', value = ''] = /^\s*([^=;]+)=([^;]*)/.exec(text) ?? []
  if (/;\s*max-age=0\s*(;|$)/i.test(text)) cookies.delete(name)
  else if (name) cookies.set(name, value)
}
