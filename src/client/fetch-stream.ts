/** One stream by `fetch`: keeps its cursor, reconnects, and detects a connection that is dead. */
import type { Clock } from '../core/clock.ts'
import { type Answer, readAnswer } from './answer.ts'
import { credentialsOf } from './credential.ts'
import { controlData, readFrames } from './read-frames.ts'
import type {
  ClientStatus,
  Gap,
  ReceivedEvent,
  RequestOptions,
  ResumeKind,
} from './stream-types.ts'
import { startWatchdog } from './watchdog.ts'

/** Receives what happens on a stream. */
export interface FetchStreamHandlers {
  event(event: ReceivedEvent): void
  /** Called after each frame with an id, once it was handled. */
  cursor(cursor: string): void
  gap(gap: Gap): void
  status(status: ClientStatus): void
}

/** An open stream, which reconnects until it ends or is closed. */
export interface FetchStream {
  /** Reconnects now if it waits after a failure of the network, and looks whether the connection is alive. */
  wake(): void
  /** Ends the stream. No handler is called any more. */
  close(): void
}

/** A stream that can be given up while its page is frozen or cached, and taken up again. */
export interface SuspendableStream extends FetchStream {
  suspend(): void
  resume(): void
}

/** What a stream needs. */
export interface FetchStreamInit {
  readonly options: RequestOptions
  readonly clock: Clock
  random(): number
  readonly handlers: FetchStreamHandlers
}

/** The time between heartbeats until the hub has sent the first one. */
const DEFAULT_BEAT_MS = 15_000

/** A stream that received nothing for so many heartbeats is dead. */
const MISSED_BEATS = 2

/** Milliseconds that the hub may take to answer. */
const ANSWER_MS = 30_000

const DEFAULT_RETRY_MS = 2_000
const MIN_RETRY_MS = 250
const MAX_BACKOFF_MS = 30_000

/** Milliseconds that a stream must be live before the next failure counts as the first. */
const STABLE_MS = 5_000

/** Why an attempt is over: whether the next one may start at once if the page wakes up, and after which minimum. */
interface Lost {
  readonly reason: string
  readonly byHub?: boolean
  readonly minMs?: number
}

/** Opens a stream. */
export function openFetchStream({
  options,
  clock,
  random,
  handlers,
}: FetchStreamInit): FetchStream {
  const credentials = credentialsOf(options)
  let closed = false
  let cursor = options.lastEventId
  let retryMs = DEFAULT_RETRY_MS
  let silenceMs = MISSED_BEATS * DEFAULT_BEAT_MS
  let failures = 0
  let liveAt: number | undefined
  let isOpen = false
  let abort = new AbortController()
  let skipPause: (() => void) | undefined
  const watchdog = startWatchdog(clock, silenceLimit, onSilence)
  void run()
  return { wake, close }

  async function run(): Promise<void> {
    while (!closed) {
      setStatus({ state: 'connecting' })
      liveAt = undefined
      abort = new AbortController()
      const lost = await attempt(abort.signal).catch(toLost)
      isOpen = false
      if (closed) return
      if (lost === 'again') continue
      if ('state' in lost) return end(lost)
      if (liveAt !== undefined && clock.monotonic() - liveAt >= STABLE_MS) failures = 0
      await pause(lost)
    }
  }

  /** Opens the stream and reads it to its end. */
  async function attempt(signal: AbortSignal): Promise<Lost | ClientStatus | 'again'> {
    watchdog.active()
    const request = await credentials.request(cursor, signal)
    if (!request) return { state: 'ended', reason: 'unauthorized' }
    const response = await (options.fetch ?? fetch)(request.url, request.init)
    const answer: Answer = await readAnswer(response, clock)
    if (answer.is === 'denied') {
      return credentials.renew()
        ? 'again'
        : { state: 'ended', reason: 'unauthorized', detail: answer.detail }
    }
    if (answer.is === 'ended')
      return { state: 'ended', reason: answer.reason, detail: answer.detail }
    if (answer.is === 'failed')
      return { reason: answer.detail, byHub: true, minMs: answer.retryAfterMs }
    return await readStream(answer.body)
  }

  async function readStream(body: ReadableStream<Uint8Array>): Promise<Lost> {
    let bye: string | undefined
    isOpen = true
    watchdog.active()
    await readFrames(body, abort.signal, {
      bytes: () => {
        watchdog.active()
        return !closed
      },
      retry: (ms) => {
        retryMs = Math.max(ms, MIN_RETRY_MS)
      },
      frame: (frame) => {
        if (frame.event === 'hub:bye') bye = String(controlData(frame).reason)
        else if (!closed) onFrame(frame)
      },
    })
    if (bye === 'expired') credentials.renew()
    if (bye === undefined) return { reason: 'The connection was lost.' }
    return { reason: `The hub ended the stream: ${bye}.`, byHub: true }
  }

  function onFrame(frame: ReceivedEvent): void {
    const { id, event } = frame
    if (event === 'hub:ready') onReady(frame)
    else if (event === 'hub:gap') handlers.gap(toGap(frame))
    else if (event === 'hub:beat') onBeat(Number(frame.data))
    else handlers.event(frame)
    if (id === undefined || closed) return
    cursor = id
    handlers.cursor(id)
  }

  function onReady(frame: ReceivedEvent): void {
    const { client, resume } = controlData(frame)
    liveAt = clock.monotonic()
    credentials.accepted()
    setStatus({ state: 'live', client: String(client), resume: resume as ResumeKind })
  }

  function onBeat(seconds: number): void {
    if (seconds > 0) silenceMs = MISSED_BEATS * seconds * 1_000
  }

  function silenceLimit(): number {
    if (skipPause) return Number.POSITIVE_INFINITY
    return isOpen ? silenceMs : ANSWER_MS
  }

  function onSilence(): void {
    // The hub may send heartbeats less often than assumed: wait longer next time.
    if (isOpen) silenceMs *= 2
    abort.abort(new Error('The connection was silent for too long.'))
  }

  async function pause({ reason, byHub = false, minMs = 0 }: Lost): Promise<void> {
    const backoffMs = Math.min(Math.max(MAX_BACKOFF_MS, retryMs), retryMs * 2 ** failures)
    const ms = Math.max(minMs, backoffMs * (0.75 + 0.5 * random()))
    failures = Math.min(failures + 1, 10)
    setStatus({ state: 'waiting', until: clock.now() + ms, reason })
    await new Promise<void>((resolve) => {
      const stop = clock.every(ms, done)
      // What the hub asks for is waited for.
      skipPause = byHub ? () => {} : done
      abort.signal.addEventListener('abort', done)
      function done(): void {
        stop()
        skipPause = undefined
        resolve()
      }
    })
  }

  function wake(): void {
    skipPause?.()
    watchdog.check()
  }

  function close(): void {
    closed = true
    watchdog.stop()
    abort.abort()
  }

  function end(status: ClientStatus): void {
    close()
    handlers.status(status)
  }

  function setStatus(status: ClientStatus): void {
    if (!closed) handlers.status(status)
  }
}

function toLost(error: unknown): Lost {
  return { reason: error instanceof Error ? error.message : String(error) }
}

function toGap(frame: ReceivedEvent): Gap {
  const { reason, earliest } = controlData(frame)
  return {
    reason: reason === 'evicted' ? 'evicted' : 'epoch',
    earliest: typeof earliest === 'string' ? earliest : null,
  }
}
