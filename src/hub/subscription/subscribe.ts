/** Subscribing: an application iterates over events with the promises that a stream gives to clients. */
import { onAborted } from '../../core/abort.ts'
import { type Addresses, listenKeys, MAX_TOPICS } from '../../core/address.ts'
import { byeFrame } from '../../core/control-events.ts'
import type { EventSchemas } from '../../core/declared-events.ts'
import { HubError } from '../../core/errors.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import { HubConnection } from '../connections/connection.ts'
import type { Flusher } from '../connections/flush.ts'
import type { Delivery } from '../delivery.ts'
import type { HubSettings } from '../options.ts'
import { createItemQueue } from './item-queue.ts'
import { type EventItem, START } from './read-items.ts'
import type { Subscribers } from './subscribers.ts'

/** Options of `hub.events`. */
export interface EventsOptions {
  /** The id to resume after, or `earliest` for everything that is stored. @defaultValue none: new events only */
  readonly lastEventId?: string | undefined
  /** Ends the iteration when it is aborted. @defaultValue none */
  readonly signal?: AbortSignal | undefined
}

/** What subscribing needs of the hub. */
export interface SubscribeInit {
  readonly settings: Pick<HubSettings, 'clock' | 'hooks' | 'maxQueuedBytes'>
  readonly flusher: Flusher
  readonly delivery: Delivery
  readonly subscribers: Subscribers
  /** Of the events that the hub declares. */
  readonly schemas: EventSchemas | undefined
  /** Whether the hub has closed. */
  isClosed(): boolean
}

/** Iterates over the events to addresses. */
export type Subscribe = (addresses: Addresses, options?: EventsOptions) => AsyncIterable<EventItem>

/** As many as one client with its topics listens to. */
const MAX_LOOP_ADDRESSES = MAX_TOPICS + 2

const KINDS: Kinds<EventsOptions> = { lastEventId: KIND.text, signal: KIND.signal }

const NO_TOPICS: readonly string[] = []

/** Creates the function that subscribes. Nothing is registered before an iteration starts. */
export function createSubscribe(init: SubscribeInit): Subscribe {
  const { settings, flusher, delivery, subscribers, schemas, isClosed } = init
  const { clock, hooks, maxQueuedBytes } = settings
  return (addresses, options = {}) => {
    const keys = listenKeys(addresses, MAX_LOOP_ADDRESSES)
    checkOptions('events', options, KINDS)
    const { lastEventId, signal } = options
    return { [Symbol.asyncIterator]: () => iterate(keys, lastEventId || undefined, signal) }
  }

  function iterate(
    keys: string[],
    lastEventId: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncIterator<EventItem> {
    if (isClosed()) throw new HubError('hub-closed', 'The hub is closed: use another instance.')
    const queue = createItemQueue(schemas)
    /** After this, the loop has seen nothing. */
    let cursor = lastEventId
    let failure: 'slow-consumer' | 'journal-unavailable' | undefined = 'journal-unavailable'
    const init = { id: '', client: '', topics: NO_TOPICS, stream: queue.stream }
    const subscriber = new HubConnection(
      { ...init, endsAt: Number.POSITIVE_INFINITY },
      {
        emptyQueue: flusher.empty,
        busy: flusher.busy,
        maxQueuedBytes,
        clock,
        keysOf: () => keys,
        schedule: flusher.schedule,
        onDrained: delivery.resume,
        onError: (error) => hooks.onError(error, 'stream'),
        onEnded: () => {
          subscribers.remove(subscriber)
          queue.end()
        },
        dismiss: (_, reason) => {
          subscribers.remove(subscriber)
          failure = reason === 'slow' ? 'slow-consumer' : undefined
          // Before the goodbye come the events that are queued. A slow loop gets what it was handed already.
          if (failure) subscriber.abort()
          else subscriber.close(byeFrame(reason, 0))
        },
      },
    )
    let stopListening: (() => void) | undefined
    start()
    if (signal) stopListening = onAborted(signal, finish)
    return { next, return: async () => finish() }

    function start(): void {
      try {
        subscribers.add(subscriber)
        delivery.follow(subscriber, lastEventId, (start) => {
          cursor ??= start
        })
      } catch (error) {
        hooks.onError(error, 'replay')
        subscriber.abort()
      }
    }

    async function next(): Promise<IteratorResult<EventItem>> {
      for (let item = await queue.take(); item; item = await queue.take()) {
        cursor = item.id ?? cursor
        if (item.event !== START) return { done: false, value: item }
      }
      const code = failure
      finish()
      if (code) throw failureOf(code, cursor)
      return { done: true, value: undefined }
    }

    /** Leaves nothing behind. */
    function finish(): IteratorResult<EventItem> {
      failure = undefined
      queue.end('drop')
      subscriber.abort()
      stopListening?.()
      return { done: true, value: undefined }
    }
  }
}

function failureOf(code: 'slow-consumer' | 'journal-unavailable', cursor?: string): HubError {
  const why =
    code === 'slow-consumer'
      ? 'More events waited than maxQueuedBytes allows: the loop is too slow.'
      : 'The journal could not be read.'
  const from = cursor === undefined ? 'start again' : `resume from ${cursor}`
  return new HubError(code, `${why} To go on, ${from}.`, { lastEventId: cursor })
}
