/** One stream, by the client that every page can use, with tickets if the hub requires a key. */
import {
  type ClientStatus,
  connect,
  type Gap,
  type ReceivedEvent,
  type TicketRequest,
} from '../client/index.ts'
import { callApi, key, streamUrl, UNREACHABLE } from './api.ts'

/** Whose events a stream carries. */
export interface Subscription {
  readonly client: string
  readonly topics: readonly string[]
}

/** Receives what happens on a stream. */
export interface StreamListener {
  status(status: ClientStatus): void
  event(event: ReceivedEvent): void
  gap(gap: Gap): void
}

/** What Chromium, Firefox and Safari say of a network failure. */
const NETWORK_FAILURE =
  /^(Failed to fetch|network error|NetworkError .*|Error in input stream|Load failed)\.?$/

/** Opens a stream. Returns a function that closes it; the listener is not called any more. */
export function openStream(subscription: Subscription, listener: StreamListener): () => void {
  let refusal: string | undefined
  let stream = open(key.get() ? ticket : undefined)
  return () => {
    const old = stream
    stream = undefined
    old?.close()
  }

  function open(issue?: typeof ticket): ReturnType<typeof connect> | undefined {
    const opened = connect({ ...subscription, url: streamUrl, ticket: issue })
    const isCurrent = () => stream === opened
    opened.onAny((event) => isCurrent() && listener.event(event))
    opened.onGap((gap) => isCurrent() && listener.gap(gap))
    opened.onStatus((status) => {
      if (isCurrent()) listener.status(described(status))
    })
    return opened
  }

  /** The status in words of the hub or of this page. */
  function described(status: ClientStatus): ClientStatus {
    if (status.state === 'ended' && refusal !== undefined) return { ...status, detail: refusal }
    if (status.state !== 'waiting' || !NETWORK_FAILURE.test(status.reason)) return status
    return { ...status, reason: UNREACHABLE }
  }

  /** Gets a ticket with the key, which must not be part of a URL. */
  async function ticket(request: TicketRequest): Promise<string | undefined> {
    const result = await callApi('POST', '/tickets', request)
    if (result.ok) return (JSON.parse(result.text) as { ticket: string }).ticket
    if (result.status === 0 || result.status === 503) throw new Error(result.problem)
    // A hub without a key issues no tickets.
    if (result.status === 404 && stream) {
      const old = stream
      stream = open()
      old.close()
      return undefined
    }
    refusal = result.problem
    return undefined
  }
}
