/** A queue of log lines that never blocks the hub: it is bounded, writes in the background, and counts the lines it drops. */

/** Writes bytes to the log's file or pipe. Resolves once they are written; rejects when they can't be. */
export type WriteLog = (bytes: Uint8Array) => Promise<unknown>

/** Lines on their way to the log. */
export interface LogQueue {
  /** Queues a line, or drops it if the queue is full. Never throws and never waits. */
  push(line: string): void
  /** Resolves once everything queued was written or dropped. */
  flush(): Promise<void>
}

/** The maximum number of queued characters: more than a thousand lines. Beyond it, new lines are dropped. */
const MAX_QUEUED_CHARACTERS = 262_144

const encoder = new TextEncoder()

/**
 * Creates a queue with one write at a time. A pipe that nobody reads, a full disk or a closed output loses
 * lines but never stops the process.
 *
 * @param droppedLine - makes the line that reports how many lines were dropped before it
 */
export function createLogQueue(write: WriteLog, droppedLine: (count: number) => string): LogQueue {
  let lines: string[] = []
  let characters = 0
  let dropped = 0
  let writing: Promise<void> | undefined
  return { push, flush }

  function push(line: string): void {
    if (characters + line.length > MAX_QUEUED_CHARACTERS) {
      dropped += 1
      return
    }
    lines.push(line)
    characters += line.length
    writing ??= writeAll()
  }

  async function flush(): Promise<void> {
    await writing
  }

  async function writeAll(): Promise<void> {
    // Lines that are logged in the same turn of the event loop are written together.
    await Promise.resolve()
    while (lines.length > 0) {
      const reported = dropped
      const batch = reported > 0 ? [droppedLine(reported), ...lines] : lines
      lines = []
      characters = 0
      try {
        await write(encoder.encode(batch.join('')))
        dropped -= reported
      } catch {
        // The error can’t be logged. The lines count as dropped.
        dropped += batch.length - (reported > 0 ? 1 : 0)
      }
    }
    writing = undefined
  }
}
