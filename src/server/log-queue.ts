/** Log output that never stops the hub: bounded, written in the background, with a count of what it dropped. */

/** Writes bytes to the log's file or pipe. Resolves once they are written; rejects when they can't be. */
export type WriteLog = (bytes: Uint8Array) => Promise<unknown>

/** Lines on their way to the log. */
export interface LogQueue {
  /** Queues a line, or drops it when too much is waiting. Never throws and never waits. */
  push(line: string): void
  /** Resolves once everything queued was written or dropped. */
  flush(): Promise<void>
}

/** Characters that may wait: some thousand lines. Beyond it the newest lines are dropped. */
const MAX_QUEUED_CHARACTERS = 262_144

const encoder = new TextEncoder()

/**
 * Creates a queue with one write at a time. A pipe that nobody drains, a full disk or a closed stderr
 * costs lines, never the process.
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
    // Lines that are logged in the same turn leave in one write.
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
        // There is no other place to report it. The lines count as dropped.
        dropped += batch.length - (reported > 0 ? 1 : 0)
      }
    }
    writing = undefined
  }
}
