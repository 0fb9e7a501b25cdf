/** What a shared stream is created with. */
import type { BasicClock } from '../../core/clock.ts'
import type { Backoff } from '../backoff.ts'
import type { Sharing } from '../browser.ts'
import type { FetchStream, StreamHandlers } from '../fetch-stream.ts'

/** Opens a stream at a cursor. */
export type OpenTabStream = (
  topics: readonly string[],
  cursor: string | undefined,
  handlers: StreamHandlers,
  backoff?: Backoff,
) => FetchStream

/** What sharing needs. */
export interface SharedStreamInit {
  /** Tabs with the same name share one stream. */
  readonly name: string
  readonly topics: readonly string[]
  readonly cursor: string | undefined
  readonly sharing: Sharing
  readonly clock: BasicClock
  random(): number
  /** Opens a stream of this tab's own. */
  readonly open: OpenTabStream
  readonly handlers: StreamHandlers
  /** The browser denies locks: the tab can't share, and this stream has ended. */
  onDenied(): void
}
