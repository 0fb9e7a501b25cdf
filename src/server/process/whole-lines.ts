/** Writes a log that several processes share, so that the lines of one do not split those of another. */
import type { WriteLog } from '../log-queue.ts'

/** The most bytes that a pipe takes in one piece. https://man7.org/linux/man-pages/man7/pipe.7.html */
const PIPE_BYTES = 4_096

const LINE_FEED = 10

/** Returns a function that writes as many whole lines at a time as a pipe keeps together. A longer line may be split. */
export function inWholeLines(write: WriteLog): WriteLog {
  return async (bytes) => {
    for (let start = 0; start < bytes.byteLength; ) {
      const end = endOf(bytes, start)
      await write(bytes.subarray(start, end))
      start = end
    }
  }
}

function endOf(bytes: Uint8Array, start: number): number {
  if (bytes.byteLength - start <= PIPE_BYTES) return bytes.byteLength
  const last = bytes.lastIndexOf(LINE_FEED, start + PIPE_BYTES - 1)
  if (last >= start) return last + 1
  const next = bytes.indexOf(LINE_FEED, start)
  return next < 0 ? bytes.byteLength : next + 1
}
