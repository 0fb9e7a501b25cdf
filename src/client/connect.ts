/** `connect`: a stream for a page or a program, shared by the tabs of a browser. */
import { type Clock, systemClock } from '../core/clock.ts'
import { type Browser, thisBrowser } from './browser.ts'
import { createEventQueue } from './event-queue.ts'
import { type DataOf, type EventSchemas, readData } from './event-schema.ts'
import { type FetchStreamHandlers, openFetchStream } from './fetch-stream.ts'
import type { ClientStatus, Gap, ReceivedEvent, RequestOptions } from './stream-types.ts'
import type { SuspendableStream } from './suspendable-stream.ts'
import { shareStream } from './tabs/shared-stream.ts'

/** Options of {@link connect}. */
export interface ClientOptions<S extends EventSchemas = EventSchemas> extends RequestOptions {
  /**
   * Whether the tabs of a browser that have the same URL and client share one stream. A text shares it
   * among those that pass the same text. Tabs of different people MUST NOT share one.
   * @defaultValue true in pages if `client` is set
   */
  readonly share?: boolean | string | undefined
  /** Schemas by event name; `typed<T>()` for a type alone. @defaultValue none: data is a string */
  readonly events?: S | undefined
  /** Ends the stream like `close`. @defaultValue none */
  readonly signal?: AbortSignal | undefined
  /** Called with what a listener throws, and with data that its schema rejects. @defaultValue `console.error` */
  readonly onError?: ((error: unknown) => void) | undefined
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined
  /** Random numbers from 0 to 1. @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined
  /** The page. @defaultValue this page, or none */
  readonly browser?: Browser | undefined
}

/** A stream of events, which reconnects and resumes until it ends. Iterating it yields every event from then on. */
export interface ClientStream<S extends EventSchemas = EventSchemas>
  extends AsyncIterable<ReceivedEvent> {
  readonly status: ClientStatus
  /** The cursor: the id of the last event that was received, to be passed as `lastEventId` later. */
  readonly cursor: string | undefined
  /** Listens for events with a name, `message` for those without one. Returns a function that stops it. */
  on<N extends (keyof S & string) | (string & {})>(
    name: N,
    listener: (data: DataOf<S, N>, event: ReceivedEvent) => void,
  ): () => void
  /** Listens for all events. */
  onAny(listener: (event: ReceivedEvent) => void): () => void
  /** Listens for gaps: events were lost, so reload your state. */
  onGap(listener: (gap: Gap) => void): () => void
  onStatus(listener: (status: ClientStatus) => void): () => void
  /** Ends the stream. Safe to call twice. */
  close(): void
}

/**
 * Opens a stream.
 * @throws {TypeError} when `url` is missing
 */
export function connect<const S extends EventSchemas = Record<never, never>>(
  options: ClientOptions<S>,
): ClientStream<S> {
  const { clock = systemClock, random = Math.random, browser = thisBrowser() } = options
  const { events, signal, onError = (error: unknown) => console.error(error) } = options
  if (!options.url) throw new TypeError('connect requires url, for example "/sse".')
  const named = new Map<string, Set<(data: unknown, event: ReceivedEvent) => void>>()
  const any = new Set<(event: ReceivedEvent) => void>()
  const gaps = new Set<(gap: Gap) => void>()
  const statuses = new Set<(status: ClientStatus) => void>()
  let status: ClientStatus = { state: 'connecting' }
  let cursor = options.lastEventId
  const handlers: FetchStreamHandlers = {
    event: unlessEnded(dispatch),
    cursor: unlessEnded((id: string) => {
      cursor = id
    }),
    gap: unlessEnded((gap: Gap) => emit(gaps, gap)),
    status: unlessEnded(setStatus),
  }
  const stopListening = browser.listen({
    onWake: () => stream.wake(),
    onSuspend: () => stream.suspend(),
    onResume: () => stream.resume(),
  })
  let stream = open()
  if (signal?.aborted) close()
  else signal?.addEventListener('abort', close)

  return {
    get status() {
      return status
    },
    get cursor() {
      return cursor
    },
    on: (name, listener) => {
      const listeners = named.get(name) ?? new Set()
      named.set(name, listeners)
      return add(listeners, listener as (data: unknown, event: ReceivedEvent) => void)
    },
    onAny: (listener) => add(any, listener),
    onGap: (listener) => add(gaps, listener),
    onStatus: (listener) => add(statuses, listener),
    close,
    [Symbol.asyncIterator]: () =>
      createEventQueue(
        (listener) => add(any, listener),
        (listener) => add(statuses, listener),
        () => status,
      ),
  }

  function open(): SuspendableStream {
    const name = shareName(options)
    const { topics = [] } = options
    if (name !== undefined && browser.sharing) {
      return shareStream({
        name,
        topics,
        sharing: browser.sharing,
        clock,
        random,
        lastEventId: options.lastEventId,
        handlers,
        open: (all, lastEventId, own, backoff) =>
          openFetchStream({
            options: { ...options, topics: all, lastEventId },
            clock,
            random,
            handlers: own,
            backoff,
          }),
        onDenied: () => {
          stream = openAlone()
        },
      })
    }
    return openAlone()
  }

  /** A stream of this page's own. It is closed while the page is frozen or cached. */
  function openAlone(): SuspendableStream {
    const openOwn = () =>
      openFetchStream({ options: { ...options, lastEventId: cursor }, clock, random, handlers })
    let own = openOwn()
    let isSuspended = false
    return {
      wake: () => own.wake(true),
      close: () => own.close(),
      suspend: () => {
        own.close()
        isSuspended = true
      },
      resume: () => {
        if (isSuspended) own = openOwn()
        isSuspended = false
      },
    }
  }

  function dispatch(event: ReceivedEvent): void {
    const listeners = named.get(event.event)
    if (listeners?.size) {
      try {
        const schema =
          events && Object.hasOwn(events, event.event) ? events[event.event] : undefined
        const data = readData(schema, event.event, event.data)
        for (const listener of listeners) guard(() => listener(data, event))
      } catch (error) {
        report(error)
      }
    }
    emit(any, event)
  }

  function setStatus(next: ClientStatus): void {
    if (JSON.stringify(next) === JSON.stringify(status)) return
    status = next
    if (next.state === 'ended') release()
    emit(statuses, next)
  }

  function close(): void {
    stream.close()
    handlers.status({ state: 'ended', reason: 'closed' })
  }

  function release(): void {
    stopListening()
    signal?.removeEventListener('abort', close)
  }

  function emit<T>(listeners: ReadonlySet<(value: T) => void>, value: T): void {
    for (const listener of listeners) guard(() => listener(value))
  }

  /** What one listener throws costs the others nothing. */
  function guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      report(error)
    }
  }

  function report(error: unknown): void {
    try {
      onError(error)
    } catch (other) {
      console.error(other)
    }
  }

  /** A listener may close the stream while more is being delivered. */
  function unlessEnded<T>(work: (value: T) => void): (value: T) => void {
    return (value) => {
      if (status.state !== 'ended') work(value)
    }
  }
}

/** Tabs with the same name, and the same version of their messages, share a stream; undefined for a stream of its own. */
function shareName({
  url,
  client,
  share = client !== undefined,
}: ClientOptions): string | undefined {
  if (share === false) return undefined
  const { location } = globalThis as { location?: { readonly href: string } }
  const from = location ? new URL(url, location.href).href : String(url)
  return JSON.stringify(['hono-sse', 1, from, client ?? null, share])
}

function add<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}
