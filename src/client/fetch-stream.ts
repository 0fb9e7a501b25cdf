/** One stream by `fetch`: keeps its cursor, reconnects, and detects a connection that is dead. */
import type { BasicClock } from '../core/clock.ts'
import { createFrameParser } from '../core/parsing/frame-parser.ts'
import { ended, type Lost, readRefusal } from './answer.ts'
import { type Backoff, countFailure, MAX_RETRY_MS, newBackoff } from './backoff.ts'
import { request } from './credential.ts'
import { isText, jsonFields } from './read-text.ts'
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

/** An open stream, which reconnects until it ends or is closed. */
export interface FetchStream {
  /**
   * Looks whether the connection is alive, and reconnects if that is due: timers of hidden pages are late.
   * @param isNews - whether the page or the network has come back: a wait after a failure ends now
   */
  wake(isNews: boolean): void
  /** Ends the stream. Nothing is called any more. */
  close(): void
}

/** What a stream needs. */
export interface FetchStreamOptions extends RequestOptions {
  readonly lastEventId?: string | undefined
  readonly clock: BasicClock
  random(): number
}

/** The number of heartbeats without one after which a stream is dead. */
const MISSED_BEATS = 2

/** Milliseconds that the hub may take to answer, and then to name its heartbeat. */
const SILENCE_MS = 30_000

/** Milliseconds between two waits that end early. */
const WAKE_MS = 1_000

/** Milliseconds that a stream must be live before the next failure counts as the first. */
const STABLE_MS = 5_000

/**
 * Opens a stream. `onStep` and `onStatus` are called later, not at once.
 * @param backoff - how long to wait after a failure; the stream keeps it up to date, for a stream that follows it
 */
export function openFetchStream(
  options: FetchStreamOptions,
  onStep: (step: Step) => void,
  onStatus: (status: ClientStatus) => void,
  backoff: Backoff = newBackoff(),
): FetchStream {
  const { clock, random } = options
  let closed = false
  let ticket: string | undefined
  /** Whether the hub has not accepted the latest credential yet. */
  let isRenewed = false
  let cursor = options.lastEventId
  /** A gap that is reported with the next cursor: a stream that is lost before receives it again. */
  let gap: Gap | undefined
  let bye: unknown
  /** When it became live; NaN until then. */
  let liveAt: number
  let abort = new AbortController()
  let endPause: ((isNews: boolean) => void) | undefined
  let wokenAt = -WAKE_MS
  const watchdog = startWatchdog(clock, () => abort.abort(new Error('The connection was silent.')))
  void run()
  return { wake, close }

  async function run(): Promise<void> {
    // The caller has the stream before its functions close it.
    await undefined
    while (!closed) {
      onStatus({ state: 'connecting' })
      if (closed) return
      liveAt = Number.NaN
      abort = new AbortController()
      const { signal } = abort
      const lost = await Promise.race([attempt(signal), aborted(signal)]).catch(toLost)
      abort.abort()
      if (closed) return
      if (!lost) continue
      if ('state' in lost) {
        close()
        return onStatus(lost)
      }
      if (clock.monotonic() - liveAt >= STABLE_MS) backoff.failures = 0
      await pause(lost)
    }
  }

  /** Opens the stream and reads it to its end. Resolves without a value if another credential may be accepted. */
  async function attempt(signal: AbortSignal): Promise<Lost | EndedStatus | undefined> {
    watchdog.allow(SILENCE_MS)
    if (options.ticket) {
      const { client, topics = [] } = options
      ticket ??= (await options.ticket({ client, topics })) ?? undefined
      if (ticket === undefined) return ended('unauthorized')
    }
    const response = await request(options, ticket, cursor, signal)
    const refusal = await readRefusal(response, clock)
    signal.throwIfAborted()
    if (!refusal) return readStream(response.body as ReadableStream<Uint8Array>, signal)
    return refusal.reason === 'unauthorized' && renew() ? undefined : refusal
  }

  /** Drops the ticket: the hub no longer accepts it. Returns false if a new credential was refused as well. */
  function renew(): boolean {
    const canRenew = !isRenewed && (options.ticket ?? options.headers) !== undefined
    isRenewed = true
    ticket = undefined
    return canRenew
  }

  async function readStream(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Lost> {
    gap = bye = undefined
    watchdog.active()
    const parse = createFrameParser(onFrame, (ms) => {
      backoff.retryMs = ms
    })
    const write = (text: string) => {
      watchdog.active()
      parse(text)
    }
    // Its types differ between browsers and Node.
    const decoder = new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>
    await body.pipeThrough(decoder).pipeTo(new WritableStream({ write }), { signal })
    if (bye === 'expired') renew()
    if (bye) return { reason: `The hub ended the stream: ${bye}.`, minMs: 0 }
    return { reason: 'The connection was lost.' }
  }

  function onFrame(frame: ReceivedEvent): void {
    if (closed) return
    const { id, event } = frame
    const isControl = event.startsWith('hub:')
    if (isControl) onControlEvent(event, jsonFields(frame.data))
    if (closed || (isControl && (!id || id === cursor))) return
    onStep({ id, event: isControl ? undefined : frame, gap: id ? gap : undefined })
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
      isRenewed = false
      onStatus({ state: 'live', client: String(client), resume: resume as ResumeKind })
    }
  }

  async function pause({ reason, minMs }: Lost): Promise<void> {
    const askedMs = Math.min(minMs ?? 0, MAX_RETRY_MS)
    const ms = Math.max(askedMs, countFailure(backoff, random))
    const until = clock.now() + ms
    onStatus({ state: 'waiting', until, reason })
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
