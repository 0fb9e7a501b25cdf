/** Counts the chunks of HTTP/1.1 responses: a stream writes one for each event, whether or not it is compressed. */

const LF = 0x0a
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
/** The digits 10 to 15 are letters, of either case. */
const LETTER = 0x57
const LOWER_CASE = 0x20

/** Finds the ends of chunks in the bytes of one response. */
export interface ChunkCounter {
  /** Returns how many chunks end in these bytes. */
  add(bytes: Uint8Array): number
}

/** Creates a counter. The headers of the response end at the first empty line. */
export function createChunkCounter(): ChunkCounter {
  let inHead = true
  let lineLength = 0
  let size = 0
  let rest = 0
  return { add }

  function add(bytes: Uint8Array): number {
    let ended = 0
    for (let at = 0; at < bytes.length; ) {
      if (rest > 0) {
        const step = Math.min(rest, bytes.length - at)
        at += step
        rest -= step
        if (rest === 0) ended += 1
      } else addToLine(bytes[at++] ?? 0)
    }
    return ended
  }

  function addToLine(byte: number): void {
    if (byte === LF) endLine()
    else if (byte >= MINUS) {
      lineLength += 1
      if (!inHead) size = size * 16 + digit(byte)
    }
  }

  function endLine(): void {
    if (inHead) inHead = lineLength > 0
    // The data and its line break.
    else if (lineLength > 0) rest = size + 2
    lineLength = 0
    size = 0
  }
}

function digit(byte: number): number {
  return byte <= NINE ? byte - ZERO : (byte | LOWER_CASE) - LETTER
}
