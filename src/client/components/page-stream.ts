/** One stream of a page, and the components that listen to it. */
import { partialCursor } from '../../core/cursor.ts'
import type { ClientOptions, ClientStream } from '../client-stream.ts'
import type { ReceivedEvent } from '../stream-types.ts'
import { includesAll } from '../tabs/census.ts'
import { isPartial } from '../tabs/cursor-order.ts'

/** Options of a component. */
export type PageStreamOptions = Omit<ClientOptions, 'signal'>

/** Listens to a stream until the returned function is called. `isMine` is false for events of topics that only other components follow. */
export type PageListener = (
  stream: ClientStream<Record<never, never>>,
  isMine: (event: ReceivedEvent) => boolean,
) => () => void

/** A listener of a component. */
export interface PageMember {
  readonly topics: readonly string[]
  readonly listen: PageListener
  home: PageStream
  /** `waiting` for a stream that begins with what is retained; `starting` with one, as far as is known; `started`: it has received that. */
  phase: 'waiting' | 'starting' | 'started'
  /** The data of the retained events that it has received before it has started, by topic, key and event. */
  readonly received: Map<string, string>
  stop(): void
}

/** A stream, and what listens to it. */
export interface PageStream {
  readonly members: Set<PageMember>
  /** Whether the hub refused its topics together with others: no other topics join them. */
  readonly isAlone: boolean
  /** Those of the component that rendered last. */
  options: PageStreamOptions
  /** What it follows, or is about to follow. */
  topics: readonly string[]
  /** Where it starts when it opens for the first time. */
  cursor: string | null | undefined
  /** Undefined before it opens for the first time. */
  stream: ClientStream<Record<never, never>> | undefined
  /** Whether it opens at the end of this turn. */
  isDue: boolean
  /** When it last reopened only for what is retained, by the monotonic clock. */
  reopenedAt: number
  /** Whether it has received retained events: components that mount later receive them, too. */
  retains: boolean
}

/**
 * Returns what streams have in common that can be one. Functions are called anew each time, so only their
 * presence counts.
 * @param more - what else shall differ in two keys
 */
export function pageKeyOf(options: PageStreamOptions, more?: unknown): string {
  const { url, client, credentials, lastEventId, share, ticket, headers } = options
  return JSON.stringify([
    String(url),
    client ?? null,
    credentials ?? null,
    lastEventId || null,
    share ?? null,
    ticket !== undefined,
    headers !== undefined,
    more,
  ])
}

/** Notes that a component has received what is retained. */
export function setStarted(member: PageMember): void {
  member.phase = 'started'
  member.received.clear()
}

/** Whether a component has not received an event: a stream that reopens sends what is retained once more, without ids. */
export function isNew(member: PageMember, event: ReceivedEvent): boolean {
  const { phase, received } = member
  const { id, topic, key, data, retained } = event
  // Only what a stream starts with has no id: the rest comes after all of that.
  if (id !== undefined && phase === 'starting') setStarted(member)
  if (!retained) return true
  if (member.phase === 'started') return id !== undefined
  // Addresses have keys of their own, but only topics are named: an event tells the others apart.
  const place = JSON.stringify([topic, key, event.event])
  if (id === undefined && received.get(place) === data) return false
  received.set(place, data)
  return true
}

/** The cursor of a stream that receives what is retained at its topics once more, without ids, and goes on where it was. */
export function startAt(cursor: string | undefined): string | undefined {
  return cursor === undefined || isPartial(cursor) ? cursor : partialCursor({ id: cursor })
}

/** Reports what a listener threw, as the component that rendered last would. */
export function reportError({ options }: PageStream, error: unknown): void {
  const { onError = console.error } = options
  onError(error)
}

/** Whether two lists name the same topics. */
export function areSame(topics: readonly string[], others: readonly string[]): boolean {
  return includesAll(topics, others) && includesAll(others, topics)
}

/** The topics of what listens now. */
export function topicsOf({ members }: PageStream): readonly string[] {
  return [...new Set([...members].flatMap(({ topics }) => topics))]
}

/** Whether a stream reconnects no more. */
export function hasEnded({ stream }: PageStream): boolean {
  return stream?.status.state === 'ended'
}
