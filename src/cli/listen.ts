/** Listens to a hub until it is told to stop: prints what comes, and comes back when the line is cut. */
import { type ErrorEvent, EventSource } from 'eventsource'
import { CliError, EXIT } from './exit.ts'
import { formatEvent, parseWords } from './format.ts'
import { type Credentials, ticketOf } from './publish.ts'
import { bearer, failureOf, publishPath, reach } from './remote.ts'

/** The flags of `listen`. */
export interface ListenFlags extends Credentials {
  readonly client?: string
  readonly topic?: readonly string[]
  readonly ticket?: string | undefined
  readonly lastEventId?: string
  readonly json?: true
}

/** Ends only by what is thrown. @throws {CliError} when the hub refuses, or was never reached */
export function listen(hub: string, flags: ListenFlags): Promise<never> {
  const url = streamOf(hub, flags)
  const open = opener(hub, flags)
  return new Promise((_, reject) => {
    let reached = false
    let away = false
    const source = new EventSource(url, { fetch: request })
    // Listeners go by name, and a page knows the names of its events: here every event is wanted.
    source.dispatchEvent = (event) => {
      if (event instanceof MessageEvent) hear(event)
      else if (event.type === 'open') reached = true
      else lost(event as ErrorEvent)
      return true
    }

    async function request(_: unknown, init: RequestInit): Promise<Response> {
      try {
        return await open(url, init)
      } catch (error) {
        // Who was there once waits for a hub that is being replaced, also behind a proxy's 502.
        const isForNow = error instanceof CliError && error.exitCode === EXIT.unavailable
        if (!isForNow || !reached) end(error)
        throw error
      }
    }

    function hear(event: MessageEvent): void {
      const { type, data } = event
      away = type === 'hub:bye'
      const words = parseWords(type, data)
      if (words) console.error(words)
      if (!type.startsWith('hub:')) console.log(formatEvent(event, flags))
    }

    /** Called once when a line ends, and then for each try that fails. */
    function lost({ message }: ErrorEvent): void {
      if (source.readyState === source.CLOSED) end(new CliError(EXIT.refused, `${message}.`))
      else if (!away) console.error(`connection lost${message ? ` (${message})` : ''}: coming back`)
      away = true
    }

    function end(error: unknown): void {
      source.close()
      reject(error)
    }
  })
}

function streamOf(hub: string, { client, topic = [], lastEventId }: ListenFlags): URL {
  const url = publishPath(hub, 'sse')
  if (client !== undefined) url.searchParams.set('id', client)
  for (const name of topic) url.searchParams.append('topic', name)
  if (lastEventId !== undefined) url.searchParams.set('lastEventId', lastEventId)
  return url
}

/** What opens a stream: with a token as it is, with a key by a ticket of its own each time. */
function opener(hub: string, flags: ListenFlags) {
  const { client, topic = [], key, token, ticket } = flags
  if (key && client === undefined) {
    throw new CliError(EXIT.usage, 'With a key --client must say whom the ticket is for.')
  }
  // A ticket works once; who comes back shows the cookie that came with its stream.
  let cookie: string | undefined

  return async (url: URL, init: RequestInit): Promise<Response> => {
    const target = new URL(url)
    const used = key && client !== undefined ? await freshTicket(client, key) : ticket
    if (used) target.searchParams.set('ticket', used)
    const headers = new Headers({ ...(init.headers as object), ...bearer(token) })
    if (cookie) headers.set('Cookie', cookie)
    const response = await reach(target, { ...init, headers })
    const [pair] = (response.headers.getSetCookie()[0] ?? '').split(';')
    cookie = pair || cookie
    if (response.status === 200) return response
    if (response.status === 204) throw new CliError(EXIT.noRight, 'This client is blocked for now.')
    throw await failureOf(response)
  }

  /** None where there are no tickets: a hub without a key lets all listen. */
  async function freshTicket(client: string, key: string): Promise<string | undefined> {
    try {
      return await ticketOf(hub, { client, topic, key })
    } catch (error) {
      if (error instanceof CliError && error.status === 404) return undefined
      throw error
    }
  }
}
