/** Batches in tests: bodies of NDJSON, whole or sent piece by piece while the answers are read. */
import { expect } from 'vitest'
import { NDJSON } from '../../src/http/batch/respond-to-lines.ts'
import { post, streamed } from './app-harness.ts'
import type { ManualClock } from './clock.ts'

/** One answer: the result of publishing, or a problem. */
export type Answer = Readonly<Record<string, unknown>>

/** A POST of NDJSON: a text as it is, or values as one line each. */
export function ndjson(body: string | Uint8Array | readonly unknown[]): RequestInit {
  if (!Array.isArray(body)) return post(body as string | Uint8Array, NDJSON)
  return post(body.map((value) => `${JSON.stringify(value)}\n`).join(''), NDJSON)
}

/** The answers in a response to NDJSON. */
export async function answersIn(response: Response): Promise<Answer[]> {
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe(NDJSON)
  return answersOf(await response.text())
}

function answersOf(text: string): Answer[] {
  expect(text.endsWith('\n')).toBe(true)
  const lines = text.slice(0, -1).split('\n')
  return lines.map((line) => JSON.parse(line) as Answer)
}

/** A request whose body the test writes. */
export interface OpenBatch {
  readonly response: Promise<Response>
  /** Sends a piece of the body. */
  send(text: string | Uint8Array): void
  end(): void
  /** Breaks the connection off. */
  break(): void
  /** Resolves with the answers that are there, at least one; undefined at the end. */
  next(): Promise<Answer[] | undefined>
  /** Resolves with all further answers. */
  rest(): Promise<Answer[]>
  /** Stops to read the answers, as a client does that has left. */
  leave(): Promise<void>
  /** Whether the server no longer reads the body. */
  readonly isCancelled: boolean
  /** Pieces of the body that were sent and not read. */
  readonly unread: number
}

/** Begins a batch, with work that the hub puts off done as it comes up. */
export function openBatch(
  request: (path: string, init: RequestInit) => Response | Promise<Response>,
  path: string,
  clock: ManualClock,
): OpenBatch {
  let isCancelled = false
  let unread = 0
  const queue: Uint8Array[] = []
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let wanted = 0
  let ending: (() => void) | undefined
  const body = new ReadableStream<Uint8Array>(
    {
      start: (own) => {
        controller = own
      },
      pull: () => {
        wanted += 1
        feed()
      },
      cancel: () => {
        isCancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  const response = Promise.resolve(request(path, streamed(body, NDJSON)))
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  return {
    response,
    send: (text) => {
      queue.push(typeof text === 'string' ? new TextEncoder().encode(text) : text)
      unread += 1
      feed()
    },
    end: () => finish(() => controller?.close()),
    break: () => finish(() => controller?.error(new Error('ECONNRESET'))),
    next,
    rest: async () => {
      const all: Answer[] = []
      for (let some = await next(); some; some = await next()) all.push(...some)
      return all
    },
    leave: async () => {
      reader ??= (await response).body?.getReader()
      await reader?.cancel()
    },
    get isCancelled() {
      return isCancelled
    },
    get unread() {
      return unread
    },
  }

  function feed(): void {
    if (isCancelled) return
    const chunk = wanted > 0 ? queue.shift() : undefined
    if (chunk) {
      wanted -= 1
      unread -= 1
      controller?.enqueue(chunk)
    } else if (queue.length === 0) ending?.()
  }

  function finish(end: () => void): void {
    ending = () => {
      ending = undefined
      end()
    }
    feed()
  }

  async function next(): Promise<Answer[] | undefined> {
    reader ??= (await response).body?.getReader()
    const reading = reader?.read()
    await clock.runPending()
    const { value } = (await reading) ?? {}
    return value && answersOf(new TextDecoder().decode(value))
  }
}
