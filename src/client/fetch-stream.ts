/** One stream by `fetch`: keeps its cursor, reconnects, and detects a connection that is dead. */
import type { BasicClock } from '../core/clock.ts'
import { createFrameParser } from '../core/parsing/frame-parser.ts'
import { ended, type Lost, readRefusal } from './answer.ts'
import { type Backoff, countFailure, newBackoff } from './backoff.ts'
import { credentialsOf } from './credential.ts'
import { isText, jsonFields, readText } from './read-text.ts'
import type {
  ClientStatus,
  EndedStatus,
  Gap,
  ReceivedEvent,
  RequestOptions,
  ResumeKind,
  Step,
} from './stream-types.ts'
import { startWatchdog } from './watchdog.ts'

/** Receives what happens on a stream. */
export interface StreamHandlers {
  step(step: Step): void
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
export interface FetchStreamOptions extends RequestOptions {
  readonly lastEventId?: string | undefined
  readonly clock: BasicClock
  random(): number
}

/** A stream that received nothing for so many heartbeats is dead. */
const MISSED_BEATS = 2

/** Milliseconds that the hub may take to answer, and then to name its heartbeat. */
const SILENCE_MS = 30_000

/** Milliseconds between two waits that end early. */
const WAKE_MS = 1_000

/** Milliseconds that a stream must be live before the next failure counts as the first. */
const STABLE_MS = 5_000

const NEVER = Number.POSITIVE_INFINITY

/**
 * Opens a stream. Handlers are called later, not at once.
 * @param backoff - how long to wait after a failure; the stream keeps it up to date, for a stream that follows it
 */
export function openFetchStream(
  options: FetchStreamOptions,
  handlers: StreamHandlers,
  backoff: Backoff = newBackoff(),
): FetchStream {
  const { clock, random } = options
  const credentials = credentialsOf(options)
  let closed = false
  let cursor = options.lastEventId
  /** A gap that is reported with the next cursor: a stream that is lost before receives it again. */
  let gap: Gap | undefined
  let bye: unknown
  let liveAt = NEVER
  let abort = new AbortController()
  let endPause: ((isNews: boolean) => void) | undefined
  let wokenAt = -NEVER
  const watchdog = startWatchdog(clock, () => abort.abort(new Error('The connection was silent.')))
  void run()
  return { wake, close }

  async function run(): Promise<void> {
    // The caller has the stream before its handlers close it.
    await undefined
    while (!closed) {
      handlers.status({ state: 'connecting' })
      if (closed) return
      liveAt = NEVER
      abort = new AbortController()
      const { signal } = abort
      const lost = await Promise.race([attempt(signal), aborted(signal)]).catch(toLost)
      abort.abort()
      if (closed) return
      if (!lost) continue
      if ('state' in lost) {
        close()
        return handlers.status(lost)
      }
      if (clock.monotonic() - liveAt >= STABLE_MS) backoff.failures = 0
      await pause(lost)
    }
  }

  /** Opens the stream and reads it to its end. Resolves without a value if another credential may be accepted. */
  async function attempt(signal: AbortSignal): Promise<Lost | EndedStatus | undefined> {
    watchdog.allow(SILENCE_MS)
    const response = await credentials.request(cursor, signal)
    if (!response) return ended('unauthorized')
    const refusal = await readRefusal(response, clock)
    signal.throwIfAborted()
    if (!refusal) return await readStream(response.body as ReadableStream<Uint8Array>, signal)
    return refusal.reason === 'unauthorized' && credentials.renew() ? undefined : refusal
  }

  async function readStream(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Lost> {
    gap = bye = undefined
    watchdog.active()
    const parse = createFrameParser(
      (frame) => closed || onFrame(frame),
      (ms) => {
        backoff.retryMs = ms
      },
    )
    await readText(body, signal, (text) => {
      watchdog.active()
      parse(text)
    })
    if (bye === 'expired') credentials.renew()
    if (bye) return { reason: `The hub ended the stream: ${bye}.`, minMs: 0 }
    return { reason: 'The connection was lost.' }
  }

  function onFrame(frame: ReceivedEvent): void {
    const { id, event } = frame
    const isControl = event.startsWith('hub:')
    if (isControl) onControlEvent(event, jsonFields(frame.data))
    if (closed || (isControl && (!id || id === cursor))) return
    handlers.step({ id, event: isControl ? undefined : frame, gap: id ? gap : undefined })
    if (!id) return
    cursor = id
    gap = undefined
  }

  function onControlEvent(event: string, fields: Record<string, unknown>): void {
    const { reason, earliest } = fields
    if (event === 'hub:bye') bye = String(reason)
    if (event === 'hub:gap') {
      gap = {
        reason: reason === 'evicted' ? reason : 'epoch',
        earliest: isText(earliest) ? earliest : null,
      }
    }
    if (event === 'hub:ready') {
      const { client, resume, heartbeatMs } = fields
      if (Number(heartbeatMs) > 0) watchdog.allow(MISSED_BEATS * Number(heartbeatMs))
      liveAt = clock.monotonic()
      credentials.accepted()
      handlers.status({ state: 'live', client: String(client), resume: resume as ResumeKind })
    }
  }

  async function pause({ reason, minMs }: Lost): Promise<void> {
    const ms = Math.max(minMs ?? 0, countFailure(backoff, random))
    const until = clock.now() + ms
    watchdog.allow(NEVER)
    handlers.status({ state: 'waiting', until, reason })
    if (closed) return
    await new Promise<void>((resolve) => {
      const stop = clock.every(ms, done)
      endPause = (isNews) => {
        const now = clock.monotonic()
        // What the hub asks for is waited for.
        if (isNews && minMs === undefined && now - wokenAt >= WAKE_MS) {
          wokenAt = now
          backoff.failures = 0
          done()
        }
        if (closed || clock.now() >= until) done()
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
}

/** Rejects when the signal is aborted: the app's functions may never return. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

function toLost(error: unknown): Lost {
  return { reason: String(Object(error).message ?? error) }
}
