/** Several streams of one source, in step: the next chunk is read when all of them have taken the last one. */
import type { Clock } from '../../../core/clock.ts'
import { startDeadline } from '../deadline.ts'
import type { ReadChunk } from './read-ahead.ts'

/** The streams of one source. */
export interface InStep {
  readonly streams: readonly ReadableStream<Uint8Array>[]
  /** Rejects with a `LateError` if a stream takes nothing for ten seconds although there is something, or the end. */
  readonly late: Promise<never>
  /** What the source has thrown. */
  readonly failure: { readonly error: unknown } | undefined
  /** From now on, the streams are expected to be cancelled within ten seconds. */
  expectEnd(): void
  /** Breaks the streams off. */
  stop(): void
}

/** Splits a source. @param read - returns the next chunk, which is not empty */
export function splitInStep(count: number, read: ReadChunk, clock: Pick<Clock, 'every'>): InStep {
  const deadline = startDeadline(clock)
  deadline.passed.catch(() => {})
  const controllers: ReadableByteStreamController[] = []
  let failure: InStep['failure']
  let waiting: (() => void)[] = []
  // https://developers.cloudflare.com/workers/runtime-apis/rpc/: only streams of bytes can be sent to an object.
  const streams = Array.from({ length: count }, () => {
    const start = (controller: ReadableByteStreamController) => void controllers.push(controller)
    return new ReadableStream({ type: 'bytes', start, pull }, { highWaterMark: 0 })
  })
  return {
    streams,
    late: deadline.passed,
    get failure() {
      return failure
    },
    expectEnd: deadline.start,
    stop,
  }

  function pull(): Promise<void> {
    return new Promise((resolve) => {
      waiting.push(resolve)
      if (waiting.length === count) void advance()
    })
  }

  async function advance(): Promise<void> {
    const taken = waiting
    waiting = []
    deadline.pause()
    try {
      const { done, value } = await read()
      deadline.start()
      forEach((controller) => {
        // An object receives bytes of its own: a stream of bytes gives them away.
        if (done) close(controller)
        else controller.enqueue(value.slice())
      })
    } catch (error) {
      failure = { error }
      stop()
    }
    for (const resolve of taken) resolve()
  }

  function stop(): void {
    deadline.end()
    forEach((controller) => controller.error(new Error('The source of the stream ended early.')))
  }

  function forEach(task: (controller: ReadableByteStreamController) => void): void {
    for (const controller of controllers) {
      try {
        task(controller)
      } catch {
        // It has ended, and its object says why.
      }
    }
  }
}

function close(controller: ReadableByteStreamController): void {
  controller.close()
  // One that waits to be filled is closed by that.
  ;(controller.byobRequest as { respond(bytes: number): void } | null)?.respond(0)
}
