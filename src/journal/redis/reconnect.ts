/** Reconnects to Redis: detects that the connection is lost, even without an error, and opens a new one. */
import type { Clock } from '../../core/clock.ts'
import type { RedisConnection } from './connection.ts'

/** What the loop needs of the journal. */
export interface ReconnectInit {
  readonly clock: Clock
  random(): number
  open(signal: AbortSignal): Promise<RedisConnection>
  /** Prepares a new connection. Resolves when it is ready for use. */
  onConnected(connection: RedisConnection): Promise<void>
  /** Called when the connection is lost, or an attempt to open one fails. */
  onDisconnected(reason: Error): void
  /** Sends Redis a probe. Its reply MUST lead to a call of `alive`. */
  probe(connection: RedisConnection): void
}

/** A loop that keeps a connection open until it is closed. */
export interface ReconnectLoop {
  /** The connection that is ready for use, if there is one. */
  readonly connection: RedisConnection | undefined
  /** Records that Redis has replied to a probe, or that the preparation of a connection has moved on. */
  alive(): void
  close(): void
}

/** Milliseconds between two probes. */
const PROBE_MS = 2_000

/** Probes without a reply after which the connection counts as lost, within 8 s. */
const MAX_SILENT_PROBES = 3

/** Milliseconds without progress after which opening a connection has failed, in steps. */
const OPEN_STEP_MS = 1_000
const MAX_SILENT_STEPS = 8

/** Milliseconds that a connection must last before the next failure counts as the first. */
const STABLE_MS = 5_000

const MIN_BACKOFF_MS = 50
const MAX_BACKOFF_MS = 3_000

/** Starts a loop, which connects at once. */
export function startReconnectLoop({
  clock,
  random,
  open,
  onConnected,
  onDisconnected,
  probe,
}: ReconnectInit): ReconnectLoop {
  let current: RedisConnection | undefined
  let closed = false
  let failures = 0
  /** Probes or steps since Redis last replied. They are counted, not timed: this process may have stood still. */
  let silent = 0
  let endPause: () => void = () => {}
  let endSession: (reason: Error) => void = () => {}
  void run()

  return {
    get connection() {
      return current
    },
    alive: () => {
      silent = 0
    },
    close: () => {
      closed = true
      endSession(new Error('The journal is closed.'))
      endPause()
    },
  }

  async function run(): Promise<void> {
    while (!closed) {
      const reason = await runSession().catch((error: Error) => error)
      current = undefined
      if (closed) return
      onDisconnected(reason)
      // Doubled after each failure, with jitter, so that instances don't reconnect all at once.
      const backoffMs = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** failures)
      failures = Math.min(failures + 1, 10)
      await pause(backoffMs * (0.5 + random()))
    }
  }

  /** Opens a connection, uses it, and resolves with the reason when it is lost. */
  async function runSession(): Promise<Error> {
    const abort = new AbortController()
    endSession = () => abort.abort()
    silent = 0
    // Preparing a connection takes the longer, the more channels there are: only silence ends it.
    let stop = clock.every(OPEN_STEP_MS, () => {
      silent += 1
      if (silent >= MAX_SILENT_STEPS) abort.abort()
    })
    let next: RedisConnection | undefined
    try {
      next = await open(abort.signal)
      const connection = next
      endSession = (reason) => connection.close(reason)
      await Promise.race([
        onConnected(connection),
        connection.ended.then((reason) => Promise.reject(reason)),
      ])
      stop()
      current = connection
      const connectedAt = clock.monotonic()
      silent = 0
      stop = clock.every(PROBE_MS, () => check(connection))
      probe(connection)
      const reason = await connection.ended
      if (clock.monotonic() - connectedAt >= STABLE_MS) failures = 0
      return reason
    } finally {
      stop()
      next?.close(new Error('The connection could not be prepared.'))
    }
  }

  function check(connection: RedisConnection): void {
    if (silent >= MAX_SILENT_PROBES) {
      const seconds = (MAX_SILENT_PROBES * PROBE_MS) / 1_000
      connection.close(new Error(`Redis has not responded for ${seconds} seconds.`))
      return
    }
    silent += 1
    probe(connection)
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = after(ms, resolve)
      endPause = () => {
        stop()
        resolve()
      }
    })
  }

  function after(ms: number, task: () => void): () => void {
    const stop = clock.every(ms, () => {
      stop()
      task()
    })
    return stop
  }
}
