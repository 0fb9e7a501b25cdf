/** The requests of a stream, with the credentials that the app provides. */
import type { RequestOptions } from './stream-types.ts'

/** What `fetch` is called with. */
export interface StreamFetch {
  readonly url: string
  readonly init: RequestInit
}

/** Makes the requests of one stream, and decides whether another credential is worth a try. */
export interface StreamCredentials {
  /** Resolves with the next request; undefined if the app provides no ticket. @throws what the app's functions throw */
  request(cursor: string | undefined, signal: AbortSignal): Promise<StreamFetch | undefined>
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
  ): Promise<StreamFetch | undefined> {
    if (options.ticket) {
      ticket ??= await options.ticket({ client, topics })
      if (ticket === undefined) return undefined
    }
    const headers: Record<string, string> = { ...(await options.headers?.()) }
    headers.Accept = 'text/event-stream'
    if (cursor) headers['Last-Event-ID'] = cursor
    return { url: urlOf(ticket), init: { headers, signal, credentials } }
  }

  /** A ticket names the client and the topics. The query of the URL is kept, and a relative URL stays relative. */
  function urlOf(ticket: string | undefined): string {
    const [base = '', rest = ''] = String(options.url).split('#', 1)[0]?.split('?') ?? []
    const query = new URLSearchParams(rest)
    if (ticket !== undefined) query.set('ticket', ticket)
    else {
      if (client !== undefined) query.set('id', client)
      for (const topic of topics) query.append('topic', topic)
    }
    return query.size > 0 ? `${base}?${query}` : base
  }
}
