/** A stream for a page or a program, shared by the tabs of a browser. */
import { type BasicClock, basicClock } from '../core/clock.ts'
import type { AnyEvents, EventSchemas } from '../core/declared-events.ts'
import { ended } from './answer.ts'
import { type Browser, thisBrowser } from './browser.ts'
import { createEventQueue } from './event-queue.ts'
import { type DataOf, readData } from './event-schema.ts'
import { type FetchStream, openFetchStream } from './fetch-stream.ts'
import type { ClientStatus, Gap, ReceivedEvent, RequestOptions, Step } from './stream-types.ts'
import { shareStream } from './tabs/shared-stream.ts'

/** Names of listeners that no event has. */
const ANY = 0
const GAP = 1
const STATUS = 2

/** Options of `connect`. */
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
  /** @defaultValue `basicClock` */
  readonly clock?: BasicClock | undefined
  /** Random numbers from 0 to 1. @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined
  /** The page. @defaultValue this page, or none */
  readonly browser?: Browser | undefined
}

/** A stream of events, which reconnects and resumes until it ends. Iterating it yields every event from then on. */
export interface ClientStream<S extends EventSchemas = AnyEvents>
  extends AsyncIterable<ReceivedEvent> {
  readonly status: ClientStatus
  /** The cursor: the id of the last event that was received, to be passed as `lastEventId` later. */
  readonly cursor: string | undefined
  /**
   * Listens for events with a name, `message` for those without one. Returns a function that stops it.
   * @throws {TypeError} without a listener, as the other functions do
   */
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
 * Opens a stream, without a check of its options: `/client.js` is too small for one.
 * @throws {TypeError} when `url` is missing
 */
export function openClientStream<const S extends EventSchemas = Record<never, never>>(
  options: ClientOptions<S>,
): ClientStream<S> {
  const {
    clock = basicClock,
    random = Math.random,
    browser = thisBrowser(),
    signal,
    onError = console.error,
    share = options.client !== undefined,
  } = options
  if (!options.url) throw new TypeError('connect requires url.')
  const events = new Map(Object.entries(options.events ?? {}))
  const listeners = new Map<string | number, Set<Listener>>()
  let status: ClientStatus = { state: 'connecting' }
  let cursor = options.lastEventId || undefined
  const stopListening = browser.listen({
    wake: () => stream?.wake(true),
    suspend: () => {
      stream?.close()
      stream = undefined
    },
    resume: () => {
      stream ??= open()
    },
  })
  /** Frozen or cached, a page has none. */
  let stream: FetchStream | undefined = open()
  if (signal?.aborted) close()
  else signal?.addEventListener('abort', close)

  return {
    get status() {
      return status
    },
    get cursor() {
      return cursor
    },
    on: listen,
    onAny: (listener) => listen(ANY, listener),
    onGap: (listener) => listen(GAP, listener),
    onStatus: (listener) => listen(STATUS, listener),
    close,
    [Symbol.asyncIterator]: () =>
      createEventQueue(
        (listener) => {
          const stopAny = listen(ANY, listener)
          const stopStatus = listen(STATUS, () => listener())
          return () => {
            stopAny()
            stopStatus()
          }
        },
        () => status,
      ),
  }

  /** Opens a stream that continues where this one was. */
  function open(): FetchStream {
    const start = { ...options, clock, random, lastEventId: cursor }
    if (share === false || !browser.sharing) return openFetchStream(start, step, setStatus)
    return shareStream(start, step, setStatus, browser.sharing, shareName(options, share))
  }

  /** A listener may close the stream while more is being delivered. */
  function step({ id, event, gap }: Step): void {
    if (gap && !hasEnded()) emit(GAP, gap)
    if (hasEnded()) return
    cursor = id ?? cursor
    if (!event) return
    const { event: name, data } = event
    if (listeners.get(name)?.size) {
      guard(() => {
        emit(name, readData(events.get(name), name, data), event)
      })
    }
    emit(ANY, event)
  }

  function setStatus(next: ClientStatus): void {
    if (hasEnded() || JSON.stringify(next) === JSON.stringify(status)) return
    status = next
    if (hasEnded()) {
      stopListening()
      signal?.removeEventListener('abort', close)
    }
    emit(STATUS, next)
  }

  function hasEnded(): boolean {
    return status.state === 'ended'
  }

  function close(): void {
    stream?.close()
    setStatus(ended('closed'))
  }

  function listen(name: string | number, listener: Listener): () => void {
    if (!listener) throw new TypeError('on requires a listener.')
    const all = listeners.get(name) ?? new Set()
    listeners.set(name, all.add(listener))
    return () => void all.delete(listener)
  }

  /** What one listener throws costs the others nothing. */
  function emit(name: string | number, ...values: unknown[]): void {
    for (const listener of listeners.get(name) ?? []) guard(() => listener(...values))
  }

  function guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      try {
        onError(error)
      } catch (other) {
        console.error(other)
      }
    }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the types of `on` say what each listener receives
type Listener = (...values: any[]) => void

/** Tabs with the same name, and the same version of their messages, share a stream. */
function shareName({ url, client }: ClientOptions, share: boolean | string): string {
  const { location } = globalThis as { location?: { readonly href: string } }
  return JSON.stringify(['hono-sse', 1, new URL(url, location?.href), client, share])
}
