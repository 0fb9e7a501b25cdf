/** Writes to standard output without the stream of the runtime: a write that fails or hangs affects nothing else. */
import { write } from 'node:fs'

const STDOUT = 1

/** Milliseconds until a write to a full pipe is tried again. */
const RETRY_MS = 50

/** Writes all bytes to standard output. @throws when they can't be written: a closed pipe, a full disk */
export async function writeStdout(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += await writeSome(bytes.subarray(at))
}

function writeSome(bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(STDOUT, bytes, 0, bytes.byteLength, null, (error, count) => {
      if (!error) resolve(count)
      // The other end of a pipe that does not block is slow.
      else if (error.code === 'EAGAIN') setTimeout(resolve, RETRY_MS, 0)
      else reject(error)
    })
  })
}
