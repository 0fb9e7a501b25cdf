/** Regular work that is done only while there is somebody to do it for. */
import type { Clock } from './clock.ts'

/** A task and its period in milliseconds; a period of 0 means never. */
export interface Chore {
  readonly everyMs: number
  run(): void
}

/** Starts and stops all chores together. */
export interface Ticker {
  start(): void
  stop(): void
}

/** Makes a ticker that stands still: an idle hub holds no timer, so that a Durable Object may sleep. */
export function createTicker(clock: Clock, chores: readonly Chore[]): Ticker {
  let stops: (() => void)[] | undefined
  return { start, stop }

  function start(): void {
    stops ??= chores
      .filter(({ everyMs }) => everyMs > 0)
      .map(({ everyMs, run }) => clock.every(everyMs, run))
  }

  function stop(): void {
    for (const cancel of stops ?? []) cancel()
    stops = undefined
  }
}
