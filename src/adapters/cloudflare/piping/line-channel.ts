/** One request to a shard that lasts as long as an event stream: lines of NDJSON go there, and their answers come back. */
import type { Clock } from '../../../core/clock.ts'
import { isRefused } from '../../../http/batch/publisher.ts'
import type { BatchResult } from '../../../http/schemas/batches.ts'
import { joinLines, resultInLine, resultOfFailure, UNCONFIRMED } from '../batch/line-results.ts'
import { answerInTime, LateError } from '../deadline.ts'

/** A request to one shard. */
export interface LineChannel {
  /** Whether the shard publishes nothing more of this request, but may of another one: it has refused a line, or was reset. */
  readonly hasEnded: boolean
  /** Sends lines, and resolves with their results in order. Never rejects. */
  publish(lines: readonly Uint8Array[]): Promise<readonly BatchResult[]>
  /** Ends the request. */
  close(): void
}

/** What a channel needs. */
export interface LineChannelInit {
  /** Sends a request with this body to the shard. */
  send(body: ReadableStream<Uint8Array>): Promise<Response>
  readonly clock: Pick<Clock, 'every'>
  /** Receives the reason why the shard is unavailable. */
  report(error: unknown): void
}

/** Milliseconds between two blank lines: a shard ends a request that sends nothing for a minute. */
const BLANK_MS = 20_000

const BLANK = joinLines([new Uint8Array(0)])

/** Opens a request. A shard that has failed, or is silent for ten seconds, receives no more lines. */
export function openLineChannel({ send, clock, report }: LineChannelInit): LineChannel {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({
    start: (own) => {
      controller = own
    },
    cancel: () => {
      controller = undefined
    },
  })
  const stopBlanks = clock.every(BLANK_MS, () => controller?.enqueue(BLANK))
  let last: BatchResult | undefined
  let failure: BatchResult | undefined
  let isSilent = false
  let isClosed = false
  const answers = send(body).then(answersIn)
  // Also between two lines: the next one belongs in another request.
  answers.then(({ closed }) => closed).catch(fail)
  return {
    get hasEnded() {
      return isRefused(last) || (failure !== undefined && !isSilent)
    },
    publish,
    close,
  }

  async function publish(lines: readonly Uint8Array[]): Promise<readonly BatchResult[]> {
    const results: BatchResult[] = []
    if (!failure) controller?.enqueue(joinLines(lines))
    while (!failure && results.length < lines.length) {
      const result = await nextResult()
      if (result) results.push(result)
    }
    return lines.map((_, index) => results[index] ?? failure ?? UNCONFIRMED)
  }

  /** Resolves with undefined if there is none, and none will follow. */
  async function nextResult(): Promise<BatchResult | undefined> {
    try {
      const value = await answerInTime(
        answers.then(({ next }) => next()),
        clock,
      )
      if (value !== undefined) {
        last = resultInLine(value)
        return last
      }
      // The last answer of a shard that ends early is about all lines that follow.
      failure = isRefused(last) ? last : UNCONFIRMED
    } catch (error) {
      fail(error)
    }
    return undefined
  }

  function fail(error: unknown): void {
    if (failure || isClosed) return
    report(error)
    failure = resultOfFailure(error)
    isSilent = error instanceof LateError
  }

  function close(): void {
    isClosed = true
    stopBlanks()
    controller?.close()
    controller = undefined
    void answers.then(({ cancel }) => cancel()).catch(() => {})
  }
}

/** The answers in a response: its lines, or the problem that is its body. */
interface Answers {
  /** Resolves with undefined after the last one. */
  next(): Promise<string | undefined>
  /** Resolves at the end. Rejects if the response breaks off. */
  readonly closed: Promise<unknown>
  /** Ends the response, however much of it has been read. */
  cancel(): Promise<void>
}

function answersIn({ ok, body }: Response): Answers {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  const lines: string[] = []
  let text = ''
  let isDone = !reader
  return {
    next,
    closed: reader?.closed ?? Promise.resolve(),
    cancel: async () => await reader?.cancel(),
  }

  async function next(): Promise<string | undefined> {
    while (lines.length === 0 && !isDone) await read()
    return lines.shift()
  }

  async function read(): Promise<void> {
    const { done = true, value = '' } = (await reader?.read()) ?? {}
    isDone = done
    text += value
    if (ok) {
      lines.push(...text.split('\n'))
      text = lines.pop() ?? ''
    } else if (done && text !== '') {
      lines.push(text)
    }
  }
}
