/** React hooks, with which the components of an app share one stream: `hono-sse/react`. */
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import type { AnyEvents, EventSchemas } from '../core/declared-events.ts'
import type { ClientOptions, ClientStream } from './client-stream.ts'
import { type PageListener, pageKeyOf } from './components/page-stream.ts'
import {
  cursorOnPage,
  listenOnPage,
  refreshOptions,
  statusOnPage,
} from './components/page-streams.ts'
import { type DataOf, readData } from './event-schema.ts'
import type { ClientStatus, ReceivedEvent } from './stream-types.ts'

/** Options of {@link useEvents}: those of `connect` except `signal`, because components share the stream. */
export type UseEventsOptions<S extends EventSchemas = EventSchemas> = Omit<
  ClientOptions<S>,
  'signal'
>

/** The stream of a component. It is the same object until the options name another stream. */
export interface ComponentStream<S extends EventSchemas = AnyEvents>
  extends Pick<ClientStream<S>, 'status' | 'cursor' | 'on' | 'onAny' | 'onGap' | 'onStatus'> {}

const CONNECTING: ClientStatus = { state: 'connecting' }

/**
 * Returns a stream and its status. Components share a connection if `url`, `client`, `credentials`,
 * `lastEventId` and `share` are equal; it follows the topics of all of them. It opens when the first of them
 * mounts, and closes when the last one has unmounted. `ticket`, `headers` and `onError` may differ: those of
 * the last render are called. On a server, and without options, nothing opens, and the status is `connecting`.
 * @param options - undefined, null or false as long as nothing should open, for example before a login
 * @throws {TypeError} when the component mounts and its options can't be used
 */
export function useEvents<const S extends EventSchemas = Record<never, never>>(
  options: UseEventsOptions<S> | undefined | null | false,
): { readonly stream: ComponentStream<S>; readonly status: ClientStatus } {
  const latest = useRef(options)
  const stream = useMemo(() => componentStream(options, latest), [keyOf(options)])
  useEffect(() => {
    latest.current = options
    if (options) refreshOptions(options)
  })
  const status = useSyncExternalStore(
    stream.onStatus,
    () => stream.status,
    () => CONNECTING,
  )
  return { stream, status }
}

/**
 * Returns the data of the latest event with this name, `message` for events without one; undefined until
 * one arrives.
 */
export function useEvent<
  S extends EventSchemas,
  const N extends (keyof S & string) | (string & {}),
>(stream: ComponentStream<S>, name: N): DataOf<S, N> | undefined
/** Calls the listener of the last render for every event with this name, without rendering again. */
export function useEvent<
  S extends EventSchemas,
  const N extends (keyof S & string) | (string & {}),
>(
  stream: ComponentStream<S>,
  name: N,
  listener: (data: DataOf<S, N>, event: ReceivedEvent) => void,
): void
export function useEvent<S extends EventSchemas, const N extends string>(
  stream: ComponentStream<S>,
  name: N,
  listener?: (data: DataOf<S, N>, event: ReceivedEvent) => void,
): DataOf<S, N> | undefined {
  const [received, setReceived] = useState<{ from: unknown; name: string; data: DataOf<S, N> }>()
  const latest = useRef(listener)
  useEffect(() => {
    latest.current = listener
  })
  useEffect(
    () =>
      stream.on<N>(name, (data, event) => {
        if (latest.current) latest.current(data, event)
        else setReceived({ from: stream, name, data })
      }),
    [stream, name],
  )
  // What another stream or name has received is out of date.
  return received?.from === stream && received.name === name ? received.data : undefined
}

/** A component has the same stream as long as its key is the same. */
function keyOf(options: UseEventsOptions | undefined | null | false): string {
  return options ? pageKeyOf(options, [...(options.topics ?? [])].sort()) : ''
}

/** @param options - those that the key was made of: `latest` is set after the effects of child components */
function componentStream<S extends EventSchemas>(
  options: UseEventsOptions<S> | undefined | null | false,
  latest: { readonly current: UseEventsOptions<S> | undefined | null | false },
): ComponentStream<S> {
  const use = (listen: PageListener) => (options ? listenOnPage(options, listen) : () => {})
  return {
    get status() {
      const status = options ? statusOnPage(options) : undefined
      return status && status.state !== 'connecting' ? status : CONNECTING
    },
    get cursor() {
      return options ? cursorOnPage(options) : undefined
    },
    // Schemas belong to the component: others may read the same event with their own.
    on: (name, listener) =>
      use((stream, isMine) =>
        stream.on(name, (text, event) => {
          if (!isMine(event)) return
          const { events } = latest.current || {}
          const schema = events && Object.hasOwn(events, name) ? events[name] : undefined
          listener(readData(schema, name, text) as DataOf<S, typeof name>, event)
        }),
      ),
    onAny: (listener) =>
      use((stream, isMine) =>
        stream.onAny((event) => {
          if (isMine(event)) listener(event)
        }),
      ),
    onGap: (listener) => use((stream) => stream.onGap(listener)),
    onStatus: (listener) => use((stream) => stream.onStatus(listener)),
  }
}
