/** What a shared stream is created with. */
import type { Clock } from '../../core/clock.ts'
import type { Channel, Locks } from '../browser.ts'
import type { FetchStreamHandlers } from '../fetch-stream.ts'
import type { OpenTabStream } from './chain-reader.ts'

/** What sharing needs. */
export interface SharedStreamInit {
  /** Tabs with the same name share one stream. */
  readonly name: string
  readonly topics: readonly string[]
  readonly lastEventId: string | undefined
  readonly sharing: { open(name: string): Channel; readonly locks: Locks }
  readonly clock: Clock
  random(): number
  /** Opens a stream of this tab's own. */
  readonly open: OpenTabStream
  readonly handlers: FetchStreamHandlers
  /** The browser denies locks: the tab can't share, and this stream has ended. */
  onDenied(): void
}
