/** Splits the bytes of NDJSON into lines, whatever the chunks are, and keeps at most one line. */

/** A line without its line feed. */
export interface Line {
  /** From 1. */
  readonly number: number
  /** Undefined if it is longer than the limit: its bytes are dropped, and it is returned before it ends. */
  readonly bytes: Uint8Array | undefined
}

/** Splits one body. */
export interface LineSplitter {
  /** The number of the line that comes next, or has begun. */
  readonly number: number
  /** Returns the lines that end in a chunk or exceed the limit in it, which MUST all be taken before the next chunk. They may be parts of the chunk. */
  push(chunk: Uint8Array): Generator<Line, void>
  /** Returns the last line, if no line feed ends it. */
  end(): Generator<Line, void>
}

const LINE_FEED = 0x0a

const EMPTY = new Uint8Array(0)

/** Creates a splitter. @param maxBytes - the maximum length of a line */
export function createLineSplitter(maxBytes: number): LineSplitter {
  let kept = EMPTY
  let length = 0
  let number = 1
  let isSkipping = false
  return {
    get number() {
      return number
    },
    push,
    end,
  }

  function* push(chunk: Uint8Array): Generator<Line, void> {
    for (let start = 0; start < chunk.length; ) {
      const at = chunk.indexOf(LINE_FEED, start)
      const part = chunk.subarray(start, at === -1 ? chunk.length : at)
      if (!isSkipping && length + part.length > maxBytes) {
        isSkipping = true
        yield lineOf(undefined)
      }
      const isWhole = at !== -1 && length === 0
      if (!isWhole && !isSkipping) keep(part)
      if (at === -1) return
      start = at + 1
      if (!isSkipping) yield lineOf(isWhole ? part : kept.subarray(0, length))
      isSkipping = false
      number += 1
    }
  }

  function* end(): Generator<Line, void> {
    if (length > 0) yield lineOf(kept.subarray(0, length))
  }

  function lineOf(bytes: Uint8Array | undefined): Line {
    kept = EMPTY
    length = 0
    return { number, bytes }
  }

  /** Keeps a copy, as the chunk may be much longer than the part. */
  function keep(part: Uint8Array): void {
    const total = length + part.length
    if (total > kept.length) {
      // Doubled, so that a line that comes byte by byte is not copied for each of them.
      const larger = new Uint8Array(Math.min(maxBytes, Math.max(total, 2 * kept.length)))
      larger.set(kept.subarray(0, length))
      kept = larger
    }
    kept.set(part, length)
    length = total
  }
}
