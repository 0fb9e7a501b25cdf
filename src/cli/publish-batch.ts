/** `hono-sse publish --batch`: publishes the lines of a file or of stdin, and prints their results as they come. */
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { CliError, EXIT } from './exit.ts'
import { credentialOf, type PublishFlags, pathOf } from './publish.ts'
import {
  bearer,
  DEFAULT_TIMEOUT,
  errorOf,
  exitCodeOf,
  fieldsOf,
  networkReason,
  routeUrl,
  storedNothing,
  unreachable,
  wasNotSent,
} from './remote.ts'

const NDJSON = 'application/x-ndjson'

/** Milliseconds without input after which a blank line is sent: the hub ends a batch of which nothing arrives for 60 s. */
const BLANK_MS = 20_000
const BLANK = Uint8Array.of(10)

/** The maximum length of a result: the server may not be a hub. */
const MAX_RESULT_LENGTH = 1_048_576

/** Publishes a batch. Each line names its recipients, unless the flags do. @param file - NDJSON, or `-` to read it from stdin */
export async function publishBatch(hub: string, file: string, flags: PublishFlags): Promise<void> {
  const { timeout = DEFAULT_TIMEOUT } = flags
  const url = routeUrl(hub, ...batchPathOf(flags))
  const source = file === '-' ? process.stdin : createReadStream(file)
  const input = chunksOf(source)
  // Before the request: the hub waits for the first line no longer than for that of any other request.
  const first = await input.next()
  const deadline = createDeadline(timeout * 1_000)
  const results = createResults()
  try {
    const init: RequestInit & { readonly duplex: 'half' } = {
      method: 'POST',
      headers: { 'Content-Type': NDJSON, ...bearer(credentialOf(flags)) },
      body: bodyOf(first, input, deadline),
      signal: deadline.signal,
      duplex: 'half',
    }
    const response = await fetch(url, init)
    if (!response.ok) throw await errorOf(response)
    if (response.headers.get('Content-Type') !== NDJSON) throw new CliError(EXIT.refused, NO_HUB)
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      deadline.restart()
      await results.print(chunk)
    }
    results.end()
  } catch (error) {
    if (error instanceof CliError) throw error
    if (wasNotSent(error)) throw unreachable(url, error)
    const { aborted } = deadline.signal
    const reason = aborted ? ` within ${timeout} s` : `: ${networkReason(error)}`
    const message = `${url.origin} did not respond${reason}. Events after ${results.count} results may have been stored anyway.`
    throw new CliError(EXIT.unconfirmed, message)
  } finally {
    deadline.end()
    // The hub may have ended the batch while there is more, or will be.
    source.destroy()
  }
}

const NO_HUB = 'The response is not a result: this is not a hub.'

function batchPathOf(flags: PublishFlags): string[] {
  const { client, topic, broadcast, event, json, ephemeral, idempotencyKey } = flags
  const { eventKey, replace, retain } = flags
  const hasText = (event ?? eventKey ?? idempotencyKey) !== undefined
  if (hasText || json || ephemeral || replace || retain) {
    throw new CliError(
      EXIT.usage,
      '--batch can’t be combined with --event, --json, --ephemeral, --event-key, --replace, --retain or --idempotency-key: the lines have these fields.',
    )
  }
  const isAddressed = client !== undefined || topic !== undefined || broadcast === true
  return isAddressed ? pathOf(flags) : ['publish']
}

/** @throws {CliError} `usage` if the file can’t be read */
async function* chunksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  try {
    yield* source
  } catch (error) {
    throw new CliError(EXIT.usage, `The file can’t be read: ${networkReason(error)}`)
  }
}

/** Aborts a request that makes no progress. */
interface Deadline {
  readonly signal: AbortSignal
  restart(): void
  /** Stops the time while something else than the hub is awaited. */
  pause(): void
  end(): void
}

function createDeadline(ms: number): Deadline {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const pause = () => clearTimeout(timer)
  restart()
  return { signal: controller.signal, restart, pause, end }

  function restart(): void {
    pause()
    if (!isOver) timer = setTimeout(() => controller.abort(), ms)
  }

  function end(): void {
    isOver = true
    pause()
  }
}

type Chunk = IteratorResult<Uint8Array, undefined>

/** The body of a request: the input, and blank lines while it is silent. */
function bodyOf(
  first: Chunk,
  input: AsyncIterator<Uint8Array, undefined>,
  deadline: Deadline,
): ReadableStream<Uint8Array> {
  let pending: Promise<Chunk> | undefined = Promise.resolve(first)
  let isAtStart = true
  return new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 })

  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    deadline.pause()
    pending ??= input.next()
    const next = await (isAtStart ? orBlank(pending) : pending)
    deadline.restart()
    if (next === BLANK) {
      controller.enqueue(BLANK)
      return
    }
    pending = undefined
    const { done, value } = next as Chunk
    if (done) {
      controller.close()
      return
    }
    isAtStart = value.at(-1) === BLANK[0]
    controller.enqueue(value)
  }
}

async function orBlank(pending: Promise<Chunk>): Promise<Chunk | typeof BLANK> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<typeof BLANK>((resolve) => {
    timer = setTimeout(resolve, BLANK_MS, BLANK)
  })
  return await Promise.race([pending, silence]).finally(() => clearTimeout(timer))
}

/** Prints results, and counts those that are problems. */
function createResults() {
  const decoder = new TextDecoder()
  let rest = ''
  let count = 0
  let problems = 0
  let firstStatus = 0
  let mayBeStored = false
  return {
    get count() {
      return count
    },
    print,
    end,
  }

  async function print(chunk: Uint8Array): Promise<void> {
    const text = rest + decoder.decode(chunk, { stream: true })
    const end = text.lastIndexOf('\n') + 1
    rest = text.slice(end)
    if (rest.length > MAX_RESULT_LENGTH) throw new CliError(EXIT.refused, NO_HUB)
    const whole = text.slice(0, end)
    for (const line of whole.split('\n').slice(0, -1)) add(line)
    if (!process.stdout.write(whole)) await once(process.stdout, 'drain')
  }

  function add(line: string): void {
    count += 1
    if (!line.includes('"status"')) return
    problems += 1
    const { status, detail, code } = fieldsOf(line)
    firstStatus ||= Number(status)
    mayBeStored ||= !storedNothing({ status: Number(status), message: `${detail}`, code })
  }

  /** @throws {CliError} if any result is a problem */
  function end(): void {
    if (problems === 0) return
    const exitCode = mayBeStored ? EXIT.unconfirmed : exitCodeOf(firstStatus)
    const message = `${problems} of ${count} results are problems.`
    throw new CliError(exitCode, message, firstStatus)
  }
}
