/** The requests of a stream, with the credentials that the app provides. */
import type { RequestOptions } from './stream-types.ts'

/** Makes the requests of one stream, and decides whether another credential is worth a try. */
export interface StreamCredentials {
  /** Resolves with the hub's answer; undefined if the app provides no ticket. @throws what the app's functions throw */
  request(cursor: string | undefined, signal: AbortSignal): Promise<Response | undefined>
  /** Drops the ticket: the hub no longer accepts it. Returns false if a new credential was refused as well. */
  renew(): boolean
  /** The hub has opened the stream. */
  accepted(): void
}

/** Returns the credentials of a stream. */
export function credentialsOf(options: RequestOptions): StreamCredentials {
  const { client, topics = [], credentials = 'same-origin' } = options
  let ticket: string | undefined
  let isRenewed = false
  return {
    request,
    renew: () => {
      const canRenew = !isRenewed && (options.ticket ?? options.headers) !== undefined
      isRenewed = true
      ticket = undefined
      return canRenew
    },
    accepted: () => {
      isRenewed = false
    },
  }

  async function request(
    cursor: string | undefined,
    signal: AbortSignal,
  ): Promise<Response | undefined> {
    if (options.ticket) {
      ticket ??= (await options.ticket({ client, topics })) ?? undefined
      if (ticket === undefined) return undefined
    }
    const headers: Record<string, string> = { ...(await options.headers?.()) }
    headers.Accept = 'text/event-stream'
    if (cursor) headers['Last-Event-ID'] = cursor
    // What the app's functions return too late is not used.
    signal.throwIfAborted()
    return await (options.fetch ?? fetch)(urlOf(ticket), { headers, signal, credentials })
  }

  /** A ticket names the client and the topics. The query of the URL is kept, and a relative URL stays relative. */
  function urlOf(ticket: string | undefined): string {
    const url = String(options.url).replace(/#.*/s, '')
    const id: [string, string][] = client === undefined ? [] : [['id', client]]
    const query = String(
      new URLSearchParams(
        ticket === undefined
          ? [...id, ...topics.map((topic): [string, string] => ['topic', topic])]
          : [['ticket', ticket]],
      ),
    )
    return query ? url + (url.includes('?') ? '&' : '?') + query : url
  }
}
