/** One stream by `fetch`: keeps its cursor, reconnects, and detects a connection that is dead. */
import type { Clock } from '../core/clock.ts'
import { type Answer, readAnswer } from './answer.ts'
import { type Backoff, countFailure, newBackoff } from './backoff.ts'
import { credentialsOf } from './credential.ts'
import { controlData, readFrames, toGap } from './read-frames.ts'
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
  /**
   * Looks whether the connection is alive, and reconnects if that is due: timers of hidden pages are late.
   * @param isNews - whether the page or the network has come back: a wait after a failure ends now
   */
  wake(isNews: boolean): void
  /** Ends the stream. No handler is called any more. */
  close(): void
}

/** What a stream needs. */
export interface FetchStreamInit {
  readonly options: RequestOptions
  readonly clock: Clock
  random(): number
  readonly handlers: FetchStreamHandlers
  /** How long to wait after a failure; the stream keeps it up to date, for a stream that follows it. */
  readonly backoff?: Backoff | undefined
}

/** The time between heartbeats until the hub has sent the first one. */
const DEFAULT_BEAT_MS = 15_000

/** A stream that received nothing for so many heartbeats is dead. */
const MISSED_BEATS = 2

/** Milliseconds that the hub may take to answer. */
const ANSWER_MS = 30_000

/** Milliseconds between two waits that end early. */
const WAKE_MS = 1_000

/** Milliseconds that a stream must be live before the next failure counts as the first. */
const STABLE_MS = 5_000

/** Why an attempt is over: whether the next one may start at once if the page wakes up, and after which minimum. */
interface Lost {
  readonly reason: string
  readonly byHub?: boolean
  readonly minMs?: number
}

/** Opens a stream. Handlers are called later, not at once. */
export function openFetchStream(init: FetchStreamInit): FetchStream {
  const { options, clock, random, handlers, backoff = newBackoff() } = init
  const credentials = credentialsOf(options)
  let closed = false
  let cursor = options.lastEventId
  let silenceMs = MISSED_BEATS * DEFAULT_BEAT_MS
  let liveAt: number | undefined
  let isOpen = false
  let abort = new AbortController()
  let endPause: ((isNews: boolean) => void) | undefined
  let wokenAt = Number.NEGATIVE_INFINITY
  const watchdog = startWatchdog(clock, silenceLimit, onSilence)
  void run()
  return { wake, close }

  async function run(): Promise<void> {
    // The caller has the stream before its handlers close it.
    await undefined
    while (!closed) {
      setStatus({ state: 'connecting' })
      if (closed) return
      liveAt = undefined
      abort = new AbortController()
      const lost = await Promise.race([attempt(abort.signal), aborted(abort.signal)]).catch(toLost)
      abort.abort()
      isOpen = false
      if (closed) return
      if (lost === 'again') continue
      if ('state' in lost) return end(lost)
      if (liveAt !== undefined && clock.monotonic() - liveAt >= STABLE_MS) backoff.failures = 0
      await pause(lost)
    }
  }

  /** Opens the stream and reads it to its end. */
  async function attempt(signal: AbortSignal): Promise<Lost | ClientStatus | 'again'> {
    watchdog.active()
    const request = await credentials.request(cursor, signal)
    // What the app's functions return too late is not used.
    signal.throwIfAborted()
    if (!request) return { state: 'ended', reason: 'unauthorized' }
    const response = await (options.fetch ?? fetch)(request.url, request.init)
    const answer: Answer = await readAnswer(response, clock)
    signal.throwIfAborted()
    if (answer.is === 'denied') {
      return credentials.renew()
        ? 'again'
        : { state: 'ended', reason: 'unauthorized', detail: answer.detail }
    }
    if (answer.is === 'ended')
      return { state: 'ended', reason: answer.reason, detail: answer.detail }
    if (answer.is === 'failed')
      return { reason: answer.detail, byHub: true, minMs: answer.retryAfterMs }
    return await readStream(answer.body, signal)
  }

  async function readStream(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Lost> {
    let bye: string | undefined
    isOpen = true
    watchdog.active()
    await readFrames(body, signal, {
      bytes: () => {
        watchdog.active()
        return !closed
      },
      retry: (ms) => {
        backoff.retryMs = ms
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
    if (endPause) return Number.POSITIVE_INFINITY
    return isOpen ? silenceMs : ANSWER_MS
  }

  function onSilence(): void {
    // The hub may send heartbeats less often than assumed: wait longer next time.
    if (isOpen) silenceMs *= 2
    abort.abort(new Error('The connection was silent for too long.'))
  }

  async function pause({ reason, byHub = false, minMs = 0 }: Lost): Promise<void> {
    const ms = Math.max(minMs, countFailure(backoff, random))
    const until = clock.now() + ms
    setStatus({ state: 'waiting', until, reason })
    if (closed) return
    await new Promise<void>((resolve) => {
      const stop = clock.every(ms, done)
      endPause = (isNews) => {
        const now = clock.monotonic()
        // What the hub asks for is waited for.
        const isEarly = isNews && !byHub && now - wokenAt >= WAKE_MS
        if (isEarly) {
          wokenAt = now
          backoff.failures = 0
        }
        if (isEarly || closed || clock.now() >= until) done()
      }
      function done(): void {
        stop()
        endPause = undefined
        resolve()
      }
    })
  }

  function wake(isNews: boolean): void {
    endPause?.(isNews)
    watchdog.check()
  }

  function close(): void {
    closed = true
    watchdog.stop()
    abort.abort()
    endPause?.(false)
  }

  function end(status: ClientStatus): void {
    close()
    handlers.status(status)
  }

  function setStatus(status: ClientStatus): void {
    if (!closed) handlers.status(status)
  }
}

/** Rejects when the signal is aborted: the app's functions may never return. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

function toLost(error: unknown): Lost {
  return { reason: error instanceof Error ? error.message : String(error) }
}
