/** Deadlines for calls to Durable Objects: one that hangs must not delay the others. */
import type { Clock } from '../../core/clock.ts'
import { withStream } from './request.ts'

type Timers = Pick<Clock, 'every'>

/** Milliseconds that an object may take to send a response, or its next bytes. */
const SILENCE_MS = 10_000

/** Thrown for a call without a response in time. The object may still handle the request. */
export class LateError extends Error {
  override readonly name: string = 'LateError'
}

/** A deadline that starts anew with each call of `start`, and not after `end`. */
export interface Deadline {
  /** Rejects with a `LateError` when time is up. */
  readonly passed: Promise<never>
  start(): void
  /** Stops the time: something else is awaited. */
  pause(): void
  end(): void
}

/** Starts a deadline. */
export function startDeadline(clock: Timers): Deadline {
  let cancel = () => {}
  let fail: (error: LateError) => void = () => {}
  let ended = false
  const passed = new Promise<never>((_, reject) => {
    fail = reject
  })
  start()
  return { passed, start, pause: () => cancel(), end }

  function start(): void {
    cancel()
    if (ended) return
    cancel = clock.every(SILENCE_MS, () => {
      end()
      fail(new LateError(`a Durable Object did not respond within ${SILENCE_MS} ms`))
    })
  }

  function end(): void {
    ended = true
    cancel()
  }
}

/** Settles like the call. @throws {LateError} if it does not settle within ten seconds */
export async function answerInTime<T>(call: Promise<T>, clock: Timers): Promise<T> {
  const deadline = startDeadline(clock)
  return await Promise.race([call, deadline.passed]).finally(deadline.end)
}

/**
 * Sends a request and resolves with the response, whose body may take longer. The time that the client
 * takes to send the body of the request does not count.
 * @throws {LateError} if there is no response within ten seconds
 */
export async function headInTime(
  request: Request,
  send: (request: Request) => Promise<Response>,
  clock: Timers,
): Promise<Response> {
  const deadline = startDeadline(clock)
  const call = send(withBodyRead(request, deadline))
  try {
    return await Promise.race([call, deadline.passed])
  } catch (error) {
    // A stream that opens later would count as connected.
    void call.then(({ body }) => body?.cancel()).catch(() => {})
    throw error
  } finally {
    deadline.end()
  }
}

/** A copy of a request that pauses the deadline while the shard waits for the client. */
function withBodyRead(request: Request, deadline: Deadline): Request {
  // A GET may have a body, which no shard reads; but it can't be given another one.
  if (!request.body || request.method === 'GET' || request.method === 'HEAD') return request
  const reader = request.body.getReader()
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    deadline.pause()
    const { done, value } = await reader.read().finally(deadline.start)
    if (done) controller.close()
    else controller.enqueue(value)
  }
  const cancel = (reason: unknown) => reader.cancel(reason)
  const body = new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 })
  return withStream(request, body)
}

/**
 * Reads a response to its end.
 * @param head - the response, which has its own deadline
 * @throws {LateError} if nothing of it arrives for ten seconds
 */
export async function bodyInTime(head: Promise<Response>, clock: Timers): Promise<Response> {
  const response = await head
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
