/** One stream of a page, and the components that listen to it. */
import type { ClientOptions, ClientStream } from '../client-stream.ts'
import type { ReceivedEvent } from '../stream-types.ts'
import { includesAll } from '../tabs/census.ts'
import { isPartial } from '../tabs/cursor-order.ts'
import type { ListenedStream, RetainedValues } from './retained-values.ts'

/** Options of a component. */
export type PageStreamOptions = Omit<ClientOptions, 'signal'>

/** Listens to a stream until the returned function is called. `isMine` is false for events of topics that only other components follow. */
export type PageListener = (
  stream: ListenedStream,
  isMine: (event: ReceivedEvent) => boolean,
) => () => void

/** A listener of a component. */
export interface PageMember {
  readonly topics: readonly string[]
  readonly listen: PageListener
  home: PageStream
  /** Whether it has received what is retained at its topics. */
  hasStarted: boolean
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
  /** Undefined before it opens for the first time, as the stream. */
  retained: RetainedValues | undefined
  stream: ClientStream<Record<never, never>> | undefined
  /** Whether it opens at the end of this turn. */
  isDue: boolean
}

/** The cursor of a stream that receives what is retained at its topics once more, without ids, and goes on where it was. */
export function startAt(cursor: string | undefined): string | undefined {
  return cursor === undefined || isPartial(cursor) ? cursor : `${cursor}r`
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
