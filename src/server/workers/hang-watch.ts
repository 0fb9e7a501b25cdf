/** Notices a worker that hangs: it answers no ping. */
import type { Clock } from '../../core/clock.ts'

/** Watches one worker. */
export interface HangWatch {
  /** Called when it has answered a ping. */
  answered(): void
  stop(): void
}

const PING_MS = 1_000

/** Pings without an answer after which a worker hangs. They are counted, not timed: this process may have stood still. */
const MAX_UNANSWERED = 30

/** Starts to ping a worker once a second. `onHang` is called when it has not answered for half a minute. */
export function watchForHang(
  clock: Pick<Clock, 'every'>,
  ping: () => void,
  onHang: () => void,
): HangWatch {
  let unanswered = 0
  const stop = clock.every(PING_MS, () => {
    if (unanswered === MAX_UNANSWERED) {
      unanswered = 0
      onHang()
    }
    unanswered += 1
    ping()
  })
  const answered = () => {
    unanswered = 0
  }
  return { answered, stop }
}
