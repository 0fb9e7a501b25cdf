/** `hono-sse listen`: prints the events of a stream and reconnects when the connection is lost. */
import { type ErrorEvent, EventSource } from 'eventsource'
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
}

/** Listens until an error ends it. @throws {CliError} if the hub refuses the stream, or can't be reached at first */
export function listen(hub: string, flags: ListenFlags): Promise<never> {
  const url = streamUrl(hub, flags)
  const open = createOpener(hub, flags)
  return new Promise((_, reject) => {
    let wasConnected = false
    let isReconnecting = false
    const source = new EventSource(url, { fetch: request })
    // An EventSource dispatches only events whose names have listeners. This command prints all events.
    source.dispatchEvent = (event) => {
      if (event instanceof MessageEvent) onEvent(event)
      else if (event.type === 'open') wasConnected = true
      else onError(event as ErrorEvent)
      return true
    }

    async function request(_: unknown, init: RequestInit): Promise<Response> {
      try {
        return await open(url, init)
      } catch (error) {
        // After a first connection, wait for a hub that is being replaced, even if a proxy returns 502.
        const isTemporary = error instanceof CliError && error.exitCode === EXIT.unavailable
        if (!isTemporary || !wasConnected) end(error)
        throw error
      }
    }

    function onEvent(event: MessageEvent): void {
      const { type, data } = event
      isReconnecting = type === 'hub:bye'
      const notice = formatControlEvent(type, data)
      if (notice) console.error(notice)
      if (!type.startsWith('hub:')) console.log(formatEvent(event, flags))
    }

    /** Called when the connection ends, and again after each failed attempt to reconnect. */
    function onError({ message }: ErrorEvent): void {
      const reason = message ? ` (${message})` : ''
      if (source.readyState === source.CLOSED) end(new CliError(EXIT.refused, `${message}.`))
      else if (!isReconnecting) console.error(`connection lost${reason}: reconnecting`)
      isReconnecting = true
    }

    function end(error: unknown): void {
      source.close()
      reject(error)
    }
  })
}

function streamUrl(hub: string, { client, topic = [], lastEventId }: ListenFlags): URL {
  const url = routeUrl(hub, 'sse')
  if (client !== undefined) url.searchParams.set('id', client)
  for (const name of topic) url.searchParams.append('topic', name)
  if (lastEventId !== undefined) url.searchParams.set('lastEventId', lastEventId)
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
    if (response.status === 200) return response
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
