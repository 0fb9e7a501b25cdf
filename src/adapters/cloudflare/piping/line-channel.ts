/** One request to a shard that lasts as long as an event stream: lines of NDJSON go there, and their answers come back. */
import type { Clock } from '../../../core/clock.ts'
import type { BatchResult } from '../../../http/schemas/batches.ts'
import { joinLines, resultInLine, resultOfFailure, UNCONFIRMED } from '../batch/line-results.ts'
import { answerInTime } from '../deadline.ts'

/** A request to one shard. */
export interface LineChannel {
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
  const answers = readAnswers(send(body))
  return { publish, close }

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
      const { value } = await answerInTime(answers.next(), clock)
      if (value !== undefined) {
        last = resultInLine(value)
        return last
      }
      // The last answer of a shard that ends early is about all lines that follow.
      failure = last && 'status' in last ? last : UNCONFIRMED
    } catch (error) {
      report(error)
      failure = resultOfFailure(error)
    }
    return undefined
  }

  async function* readAnswers(head: Promise<Response>): AsyncGenerator<string, undefined> {
    const response = await head
    if (response.ok) yield* linesIn(response)
    else yield await response.text()
  }

  function close(): void {
    stopBlanks()
    controller?.close()
    controller = undefined
    void answers.return(undefined).catch(() => {})
  }
}

async function* linesIn({ body }: Response): AsyncGenerator<string, undefined> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  try {
    while (reader) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = `${text}${value}`.split('\n')
      text = lines.pop() ?? ''
      yield* lines
    }
  } finally {
    void reader?.cancel().catch(() => {})
  }
}
