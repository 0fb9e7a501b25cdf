/** Pipes a stream of a Worker through the objects that it concerns: each publishes it to its part of the addresses. */
import { onAborted } from '../../../core/abort.ts'
import type { Addresses } from '../../../core/address.ts'
import type { Clock } from '../../../core/clock.ts'
import type { PipedResult } from '../../../http/schemas/pipes.ts'
import { checkPipe, type PipeOptions, type PipeResult } from '../../../hub/piping/pipe.ts'
import { chunksOf, NO_CHUNK, type PipeSource } from '../../../hub/piping/run-pipe.ts'
import { answerInTime } from '../deadline.ts'
import type { ObjectStub } from '../platform.ts'
import { partsOf } from '../sharding.ts'
import { splitInStep } from './in-step.ts'
import { type ReadChunk, readAhead } from './read-ahead.ts'

/** What piping needs to find the objects. */
export interface ObjectPipeInit {
  /** The number of shards. */
  readonly count: number
  readonly clock: Pick<Clock, 'every'>
  shard(index: number): ObjectStub
  /** Returns the error of a call that has thrown this. */
  errorOf(thrown: unknown): unknown
}

/** Publishes the events of a stream through objects. */
export type ObjectPipe = (
  addresses: Addresses,
  source: PipeSource,
  options?: PipeOptions,
) => Promise<PipedResult>

/** The maximum length of a chunk, whose events an object must store within ten seconds: there may be hundreds of them. */
const MAX_CHUNK_BYTES = 8_192

/** Creates the function that pipes. A stop at one object, and an object that fails, end the pipe on all. */
export function createObjectPipe({ count, clock, shard, errorOf }: ObjectPipeInit): ObjectPipe {
  return async (addresses, source, options = {}) => {
    checkPipe(source, options)
    const { signal, ...rest } = options
    const parts = partsOf(addresses, count)
    const { read, cancel } = readBytes(source)
    const inStep = splitInStep(parts.length, readAhead(read, MAX_CHUNK_BYTES), clock)
    const name = crypto.randomUUID()
    // Calls of one stub arrive in order: none ends what has not begun.
    const objects = parts.map(([index]) => shard(index))
    const calls = parts.map(async ([, to], n) => {
      const stream = inStep.streams[n] as ReadableStream<Uint8Array>
      const result = await (objects[n] as ObjectStub).pipe(to, stream, rest, name, count)
      if (result.stopped) end()
      return result
    })
    const forget = signal && onAborted(signal, end)
    try {
      return merge(await Promise.race([Promise.all(calls), inStep.late]))
    } catch (error) {
      inStep.stop()
      // The others publish their last events.
      await answerInTime(Promise.allSettled(calls), clock).catch(() => {})
      throw inStep.failure ? inStep.failure.error : errorOf(error)
    } finally {
      forget?.()
      inStep.stop()
      cancel()
    }

    function end(): void {
      inStep.expectEnd()
      for (const one of objects) one.endPipe(name).catch(() => {})
    }
  }
}

function merge(results: readonly PipeResult[]): PipedResult {
  const [first = { published: 0 }] = results
  if (results.length === 1) return first
  const published = Math.min(...results.map((one) => one.published))
  const ids = results.flatMap(({ id }) => id ?? [])
  const isStopped = results.some(({ stopped }) => stopped)
  return { published, ...(ids.length > 0 && { ids }), ...(isStopped && { stopped: true }) }
}

const encoder = new TextEncoder()

/** A source as bytes. It is opened when it is first read: until then, it can’t fail. */
function readBytes(source: PipeSource): { readonly read: ReadChunk; cancel(): void } {
  let chunks: ReturnType<typeof chunksOf> | undefined
  let kept = ''
  return { read, cancel }

  function cancel(): void {
    try {
      chunks ??= chunksOf(source)
      chunks.cancel()
    } catch {
      // Someone else reads it.
    }
  }

  async function read(): Promise<IteratorResult<Uint8Array, unknown>> {
    chunks ??= chunksOf(source)
    const result = await chunks.next()
    if (result.done) return result
    const { value } = result
    if (typeof value === 'string') return { value: encode(value) }
    if (value instanceof Uint8Array) return { value }
    throw new TypeError(NO_CHUNK)
  }

  /** Two halves of a character may arrive apart. */
  function encode(value: string): Uint8Array {
    const text = kept + value
    const end = /[\uD800-\uDBFF]$/.test(text) ? text.length - 1 : text.length
    kept = text.slice(end)
    return encoder.encode(text.slice(0, end))
  }
}
