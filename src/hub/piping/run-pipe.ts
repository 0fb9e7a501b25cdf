/** Reads an event stream and publishes its events one after the other: the source is read no faster than they are stored. */
import { onAborted } from '../../core/abort.ts'
import { HubError } from '../../core/errors.ts'
import type { EventInput } from '../../core/event.ts'
import { createFrameParser, type ParsedEvent } from '../../core/parsing/frame-parser.ts'
import { MAX_AT_ONCE, MAX_BYTES_AT_ONCE } from './turn.ts'

/** An event stream as bytes, such as the body of a response, or as text. */
export type PipeSource =
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>

/** What the events of a stream become. */
export interface PipedFields {
  /** The name of all events. @defaultValue their own names */
  readonly event?: string | undefined
  /** Whether they are ephemeral. @defaultValue `false` */
  readonly ephemeral?: boolean | undefined
  /** The key of all events, by which `hub.stop` ends what is published to a client. @defaultValue none */
  readonly key?: string | undefined
}

/** Publishes an event. Resolves with its id; undefined for an ephemeral one. */
export type PublishPiped = (event: EventInput) => Promise<string | undefined>

/** What a pipe requires. */
export interface PipeRun {
  readonly source: PipeSource
  readonly fields: PipedFields
  /** The maximum number of bytes of data in one event. */
  readonly maxEventBytes: number
  /** Ends the pipe early. Its reason may be an {@link EarlyEnd}. */
  readonly signal: AbortSignal
  /** Returns what publishes the events of one turn. */
  startTurn(): PublishPiped
  /** Resolves when what was published has been sent, as far as connections accept it. */
  flushed(): Promise<void>
  /** Called before and after waiting for the source. */
  onWait?(isWaiting: boolean): void
}

/** How a pipe ended. */
export interface PipeEnd extends EarlyEnd {
  /** How many events were published. */
  readonly published: number
  /** The id of the last one that was stored. */
  readonly id?: string | undefined
}

/** How a pipe ended, and why. */
export interface EarlyEnd {
  /**
   * `complete`: the source ended. `aborted`: it was stopped. `closing`: the hub closes. `broken`: the source failed.
   * `refused`: an event was not published.
   */
  readonly ending: 'complete' | 'aborted' | 'closing' | 'broken' | 'refused'
  /** What the source or the hub threw. */
  readonly error?: unknown
}

/** Runs a pipe to its end. Never rejects. */
export async function runPipe(run: PipeRun): Promise<PipeEnd> {
  const { source, fields, maxEventBytes, signal, startTurn, flushed, onWait } = run
  const events: ParsedEvent[] = []
  const parse = createFrameParser(
    (event) => events.push(event),
    () => {},
    maxEventBytes + SLACK,
  )
  const decoder = new TextDecoder()
  let published = 0
  let id: string | undefined
  const ended = await pump()
  return { published, id, ...ended }

  async function pump(): Promise<EarlyEnd> {
    let chunks: Chunks
    try {
      chunks = chunksOf(source)
    } catch (error) {
      return { ending: 'broken', error }
    }
    for (;;) {
      onWait?.(true)
      const chunk = await nextUnlessAborted(chunks, signal)
      onWait?.(false)
      const end = 'value' in chunk ? await publishChunk(chunk.value) : chunk
      if (!end) continue
      if (end.ending !== 'complete' && end.ending !== 'broken') chunks.cancel()
      return end
    }
  }

  /** Publishes the events that end in a chunk, in turns. Returns how the pipe ends, if it does. */
  async function publishChunk(chunk: Uint8Array | string): Promise<EarlyEnd | undefined> {
    try {
      if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) throw new TypeError(NO_CHUNK)
      for (let at = 0; at < chunk.length; at += MAX_BYTES_AT_ONCE) {
        const failure = parsePart(chunk, at)
        while (events.length > 0) {
          await publishTurn(events.splice(0, MAX_AT_ONCE))
          if (signal.aborted) return endOf(signal)
          await flushed()
        }
        // What was whole before it has been published.
        if (failure) throw failure
        if (signal.aborted) return endOf(signal)
      }
      return undefined
    } catch (error) {
      return { ending: 'refused', error }
    }
  }

  /** Parses the part of a chunk that begins here. Returns an error if the frame in it is too long. */
  function parsePart(chunk: Uint8Array | string, start: number): HubError | undefined {
    const end = start + MAX_BYTES_AT_ONCE
    const text =
      typeof chunk === 'string'
        ? chunk.slice(start, end)
        : decoder.decode(chunk.subarray(start, end), STREAM)
    try {
      parse(text)
      return undefined
    } catch {
      return tooLong(maxEventBytes)
    }
  }

  async function publishTurn(some: readonly ParsedEvent[]): Promise<void> {
    const publish = startTurn()
    for (const event of some) {
      if (signal.aborted) return
      id = (await publish(inputOf(event, fields))) ?? id
      published += 1
    }
  }
}

/** How a pipe ends whose signal was aborted. */
function endOf({ reason }: AbortSignal): EarlyEnd {
  const { ending = 'aborted', error } = Object(reason) as Partial<EarlyEnd>
  return error === undefined ? { ending } : { ending, error }
}

const STREAM = { stream: true }

/** Streams of an app may yield anything, such as the parsed events of a model's own library. */
export const NO_CHUNK = 'A chunk of the stream is neither text nor a Uint8Array.'

/** Characters of the names of fields, and of lines that are not data. */
const SLACK = 4_096

function tooLong(maxEventBytes: number): HubError {
  const message = `The data of an event, and any line, is limited to ${maxEventBytes} bytes: send less.`
  return new HubError('event-too-large', message)
}

function inputOf({ event, data }: ParsedEvent, fields: PipedFields): EventInput {
  const { event: name = event === 'message' ? undefined : event, ephemeral, key } = fields
  return {
    data,
    ...(name !== undefined && { event: name }),
    ...(ephemeral && { ephemeral }),
    ...(key !== undefined && { key }),
  }
}

type Chunk = { readonly value: Uint8Array | string } | EarlyEnd

/** The chunks of a source. */
export interface Chunks {
  next(): Promise<IteratorResult<Uint8Array | string, unknown>>
  /** Ends the source, without waiting for it. */
  cancel(): void
}

/** Whether something is a source. Another reader may have it. */
export function isPipeSource(source: unknown): source is PipeSource {
  if (typeof source === 'string' || source instanceof ReadableStream) return true
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = Object(source)
  return typeof later === 'function' || typeof now === 'function'
}

/** Opens a source. @throws {TypeError} if another reader has it */
export function chunksOf(source: PipeSource): Chunks {
  // Not by character.
  if (typeof source === 'string') return chunksOf([source])
  if (source instanceof ReadableStream) {
    const reader: ReadableStreamDefaultReader<Uint8Array | string> = source.getReader()
    return {
      next: () => reader.read() as Promise<IteratorResult<Uint8Array | string, unknown>>,
      cancel: () => void reader.cancel().catch(() => {}),
    }
  }
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  return {
    next: async () => await iterator.next(),
    cancel: () => void endIterator(source, iterator).catch(() => {}),
  }
}

async function endIterator(
  source: object & { readonly destroy?: unknown },
  iterator: Pick<AsyncIterator<unknown> | Iterator<unknown>, 'return'>,
): Promise<void> {
  // The iterator of a Node stream would wait for its next chunk before it ends.
  if (typeof source.destroy === 'function') source.destroy()
  await iterator.return?.()
}

/** The next chunk, or how the source ended. An abort does not wait for a source that is silent. */
function nextUnlessAborted(chunks: Chunks, signal: AbortSignal): Promise<Chunk> {
  return new Promise((resolve) => {
    const forget = onAborted(signal, () => resolve(endOf(signal)))
    if (signal.aborted) return
    const settle = (chunk: Chunk) => {
      forget()
      resolve(chunk)
    }
    chunks.next().then(
      ({ done, value }) => settle(done ? { ending: 'complete' } : { value: value as Uint8Array }),
      (error: unknown) => settle({ ending: 'broken', error }),
    )
  })
}
