/** The requests of a stream, with the credentials that the app provides. */
import type { RequestOptions } from './stream-types.ts'

/**
 * Requests a stream.
 * @param ticket - the credential; undefined if the app provides no tickets
 * @throws what the app's functions throw
 */
export async function request(
  options: RequestOptions,
  ticket: string | undefined,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const headers = {
    ...(await options.headers?.()),
    Accept: 'text/event-stream',
    ...(cursor && { 'Last-Event-ID': cursor }),
  }
  // What the app's functions return too late is not used.
  signal.throwIfAborted()
  return (options.fetch ?? fetch)(urlOf(options, ticket), {
    headers,
    signal,
    credentials: options.credentials,
  } as RequestInit)
}

/** A ticket names the client and the topics. The query of the URL is kept, and a relative URL stays relative. */
function urlOf({ client, topics = [], ...options }: RequestOptions, ticket?: string): string {
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
