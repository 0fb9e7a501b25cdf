/** Ends a batch that waits in vain, for its sender or for whoever reads its answers, and one of a hub that closes. */
import type { Clock } from '../../core/clock.ts'
import type { Explanation } from '../problem.ts'
import { CLOSING } from './publisher.ts'

/** What a batch waits for: the next part of its body, or that its answers are read. */
export type Awaited = 'body' | 'reader'

/** The maximum number of seconds that a batch waits. */
const SECONDS: Readonly<Record<Awaited, number>> = { body: 60, reader: 30 }

const DETAILS: Readonly<Record<Awaited, string>> = {
  body: `Nothing arrived for ${SECONDS.body} s: send a blank line, or in an event stream a comment, now and then; or another request.`,
  reader: `The answers were not read for ${SECONDS.reader} s: read them while you send, or send fewer lines in one request.`,
}

/** Milliseconds between two looks: less than a server that stops leaves for requests to end. */
const CHECK_MS = 200

/** Watches one batch. */
export interface BatchWatch {
  /** Records what the batch waits for now; nothing while it publishes. */
  wait(awaited: Awaited | undefined): void
  /** Holds a timer until `stop`, or until it has called `end`, once. */
  start(end: (reason: Explanation) => void): void
  stop(): void
}

/** What a watch needs. */
export interface BatchWatchInit {
  readonly clock: Pick<Clock, 'every'>
  /** Whether the hub closes. */
  isClosing(): boolean
}

/** Creates the watch of a batch. */
export function watchBatch({ clock, isClosing }: BatchWatchInit): BatchWatch {
  let awaited: Awaited | undefined
  /** Looks since then. They are counted, not timed: nothing can arrive while this process stands still. */
  let looks = 0
  let stop = () => {}
  return { wait, start, stop: () => stop() }

  function wait(what: Awaited | undefined): void {
    awaited = what
    looks = 0
  }

  function start(end: (reason: Explanation) => void): void {
    stop = clock.every(CHECK_MS, () => {
      const reason = reasonToEnd()
      if (!reason) return
      stop()
      end(reason)
    })
  }

  function reasonToEnd(): Explanation | undefined {
    // What is being published will be answered.
    if (!awaited) return undefined
    if (isClosing()) return CLOSING
    looks += 1
    if (looks * CHECK_MS < SECONDS[awaited] * 1_000) return undefined
    return { status: 408, detail: DETAILS[awaited] }
  }
}
