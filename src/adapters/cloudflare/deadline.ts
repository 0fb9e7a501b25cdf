/** Deadlines for calls to Durable Objects: one that hangs must not delay the others. */
import type { Clock } from '../../core/clock.ts'

type Timers = Pick<Clock, 'every'>

/** Milliseconds that an object may take to send a response, or its next bytes. */
const SILENCE_MS = 10_000

/** Thrown for a call without a response in time. The object may still handle the request. */
export class LateError extends Error {
  override readonly name: string = 'LateError'
}

/** Settles like the call. @throws {LateError} if it does not settle within ten seconds */
export function answerInTime<T>(call: Promise<T>, clock: Timers): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = new LateError(`another shard did not respond within ${SILENCE_MS} ms`)
    const stop = clock.every(SILENCE_MS, () => {
      stop()
      reject(late)
    })
    call.then(resolve, reject).finally(stop)
  })
}

/** Reads a response to its end. @throws {LateError} if nothing of it arrives for ten seconds */
export async function responseInTime(call: Promise<Response>, clock: Timers): Promise<Response> {
  const response = await answerInTime(call, clock)
  const reader = response.body?.getReader()
  const parts: Uint8Array<ArrayBuffer>[] = []
  try {
    while (reader) {
      const { done, value } = await answerInTime(reader.read(), clock)
      if (done) break
      parts.push(value)
    }
  } catch (error) {
    void reader?.cancel().catch(() => {})
    throw error
  }
  return new Response(reader ? new Blob(parts) : null, response)
}
