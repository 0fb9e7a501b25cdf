/** Holding: delays refusals, because a client that ignores `retry:` would reconnect as fast as it is refused. */
import type { Clock } from './clock.ts'

/** The refusals of a hub that wait to be sent. */
export interface Holding {
  /**
   * Resolves after a second; at once if the signal is aborted or the hub has closed. If more than 1,000
   * refusals wait, the oldest one is sent.
   */
  hold(signal: AbortSignal): Promise<void>
  /** Sends all that wait. Those that follow do not wait. */
  release(): void
}

/** Milliseconds that a refusal waits. */
const HOLD_MS = 1_000

/** Refusals that wait at a time: each keeps a request in memory. */
const MAX_HELD = 1_000

/** Creates the holding of a hub. */
export function createHolding(clock: Pick<Clock, 'every'>): Holding {
  /** Functions that send one refusal each, oldest first. */
  const held = new Set<() => void>()
  let isReleased = false
  return { hold, release }

  function hold(signal: AbortSignal): Promise<void> {
    if (isReleased || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const stop = clock.every(HOLD_MS, send)
      signal.addEventListener('abort', send)
      held.add(send)
      const [oldest] = held.size > MAX_HELD ? held : []
      oldest?.()

      function send(): void {
        stop()
        signal.removeEventListener('abort', send)
        held.delete(send)
        resolve()
      }
    })
  }

  function release(): void {
    isReleased = true
    for (const send of held) send()
  }
}
