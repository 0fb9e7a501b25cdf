/** One stream: the browser's EventSource, with tickets, a watchdog and the state that the page shows. */
import { callApi, closeReason, key, streamUrl } from './api.ts'

/** The client of a stream, its topics and its events. */
export interface Subscription {
  readonly client: string
  readonly topics: readonly string[]
  /** Event names. An EventSource dispatches named events only to listeners for that name. */
  readonly names: readonly string[]
}

/** The data of `hub:ready`. */
export interface Ready {
  readonly client: string
  readonly connection: string
  readonly topics: readonly string[]
  readonly resume: 'fresh' | 'complete' | 'gap'
}

/** Why events are lost: the journal has started a new epoch, or has evicted them. */
type GapReason = 'epoch' | 'evicted'

/** The state of a stream. */
export type State =
  | { readonly is: 'left' }
  /** The stream is requested, without a response yet: `waiting` if that takes longer than usual. */
  | { readonly is: 'connecting' | 'waiting' }
  | { readonly is: 'live'; readonly ready: Ready; readonly gap?: GapReason }
  /** The connection is lost, and the browser reconnects. */
  | { readonly is: 'lost' }
  /** The hub has ended the stream, and the browser reconnects. */
  | { readonly is: 'bye'; readonly reason: string }
  /** The browser does not reconnect. */
  | { readonly is: 'closed'; readonly why: string }

/** An open stream, which reconnects until `leave` is called. */
export interface Stream {
  /** Also listens for events with this name. */
  addEventName(name: string): void
  leave(): void
}

/** Receives what happens on a stream. */
export interface StreamListener {
  state(state: State): void
  event(event: MessageEvent<string>): void
}

/** Events that every stream listens for: events without a name, the demo clock and control events. */
const DEFAULT_NAMES = ['message', 'time', 'hub:ready', 'hub:gap', 'hub:beat', 'hub:bye']

/** The names of an EventSource's own events. A hub never sends them. */
const RESERVED = ['error', 'open']

/** The maximum time between two events, until `hub:beat` reports the hub's interval. */
const DEFAULT_BEAT_MS = 15_000

/** After this number of missed heartbeats the connection counts as dead, whatever the browser reports. */
const MISSED_BEATS = 3

/** Milliseconds without a response after which the state is `waiting`. */
const WAITING_MS = 4_000

/** Milliseconds before another attempt to get a ticket. */
const RETRY_MS = 2_000

/** Opens a stream, which survives lost connections, restarts of the hub and expired grants. */
export function openStream(
  { client, topics, names }: Subscription,
  listener: StreamListener,
): Stream {
  const listened = new Set([...DEFAULT_NAMES, ...names].filter(isDispatched))
  let source: EventSource | undefined
  let state: State = { is: 'left' }
  /** The id of the latest event. */
  let cursor = ''
  let beatMs = DEFAULT_BEAT_MS
  /** When the last event arrived, or the stream was last requested. */
  let activeAt = Date.now()
  let wasLive = false
  let hasBye = false
  let ended = false
  const watchdog = setInterval(checkActivity, 1_000)
  void open()
  return { addEventName, leave: () => end({ is: 'left' }) }

  async function open(): Promise<void> {
    setState({ is: wasLive ? 'lost' : 'connecting' })
    wasLive = false
    const url = await authorizedUrl()
    if (ended) return
    if (url === undefined) return void setTimeout(reopen, RETRY_MS)
    activeAt = Date.now()
    source = new EventSource(url)
    for (const name of listened) source.addEventListener(name, onEvent)
    source.onerror = () =>
      source?.readyState === EventSource.CLOSED ? void onClosed(url) : onLost()
  }

  /** Opens a new EventSource, which resumes after the latest event. */
  function reopen(): void {
    if (ended) return
    source?.close()
    void open()
  }

  /**
   * Returns the URL of the stream; undefined if there is no ticket now. An EventSource can't send the
   * key, and a key must not be part of a URL: a ticket opens the stream, and the cookie that is set
   * with it lets the browser reconnect.
   */
  async function authorizedUrl(): Promise<string | undefined> {
    const query = new URLSearchParams({ lastEventId: cursor })
    const result = key.get() ? await callApi('POST', '/tickets', { client, topics }) : undefined
    if (result?.ok) {
      query.set('ticket', (JSON.parse(result.text) as { ticket: string }).ticket)
      return streamUrl(query)
    }
    // 404: a hub without a key issues no tickets.
    if (!result || result.status === 404) {
      query.set('id', client)
      for (const topic of topics) query.append('topic', topic)
      return streamUrl(query)
    }
    const isTemporary = result.status === 0 || result.status === 503
    if (!isTemporary && !ended) end({ is: 'closed', why: result.problem })
    return undefined
  }

  function onEvent(event: MessageEvent<string>): void {
    activeAt = Date.now()
    cursor = event.lastEventId || cursor
    if (event.type.startsWith('hub:')) onControlEvent(event)
    listener.event(event)
  }

  function onControlEvent({ type, data }: MessageEvent<string>): void {
    if (type === 'hub:beat') beatMs = Number(data) * 1_000
    if (type === 'hub:ready') {
      wasLive = true
      hasBye = false
      setState({ is: 'live', ready: JSON.parse(data) as Ready })
    }
    if (type === 'hub:gap' && state.is === 'live') {
      const { reason } = JSON.parse(data) as { reason: GapReason }
      setState({ ...state, gap: reason })
    }
    if (type === 'hub:bye') {
      const { reason } = JSON.parse(data) as { reason: string }
      hasBye = true
      setState({ is: 'bye', reason })
    }
  }

  /** Called when the stream has ended or could not be opened, and the browser reconnects. */
  function onLost(): void {
    activeAt = Date.now()
    if (!hasBye) setState({ is: 'lost' })
    hasBye = false
  }

  /** Called when the browser does not reconnect. */
  async function onClosed(url: string): Promise<void> {
    // Most likely a grant has expired: with the key, the page can request another ticket.
    if (wasLive && key.get()) return reopen()
    const why = await closeReason(url)
    if (!ended) end({ is: 'closed', why })
  }

  /** Detects a dead connection, for example after the computer slept: it may still look open to the browser. */
  function checkActivity(): void {
    const idleMs = Date.now() - activeAt
    if (state.is === 'connecting' && idleMs > WAITING_MS) setState({ is: 'waiting' })
    const isDead = idleMs > MISSED_BEATS * beatMs
    if (!isDead || source?.readyState !== EventSource.OPEN) return
    // The hub may send heartbeats less often than assumed: wait longer next time.
    beatMs *= 2
    reopen()
  }

  function addEventName(name: string): void {
    if (!isDispatched(name)) return
    listened.add(name)
    // Adding the same listener twice has no effect.
    source?.addEventListener(name, onEvent)
  }

  function end(last: State): void {
    ended = true
    clearInterval(watchdog)
    source?.close()
    setState(last)
  }

  function setState(next: State): void {
    state = next
    listener.state(next)
  }
}

function isDispatched(name: string): boolean {
  return !RESERVED.includes(name)
}
