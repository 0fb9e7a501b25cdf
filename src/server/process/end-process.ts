/** Ends a process once its log is written. */
import type { LogQueue } from '../log-queue.ts'

/** Ends the process once the log is written. */
export type Exit = (code: number) => Promise<never>

/**
 * Milliseconds to wait until the last log lines are written, in turns of the event loop: on a busy machine,
 * one turn can take all of them, and a line is written in no less than two.
 */
const LAST_LINES_MS = 500
const TURN_MS = 50

/** Returns a function that ends the process. */
export function exitAfter(output: LogQueue): Exit {
  return async (code) => {
    const written = output.flush().then(() => true)
    for (let waitedMs = 0; waitedMs < LAST_LINES_MS; waitedMs += TURN_MS) {
      if (await Promise.race([written, sleep(TURN_MS)])) break
    }
    // On every runtime, this closes the sockets that nobody reads from.
    process.exit(code)
  }
}

/** Resolves after this many milliseconds. */
export function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined))
}
