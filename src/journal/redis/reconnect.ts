/** Keeps a link to Redis: notices when it is lost, also when nobody says so, and opens another. */
import type { Clock } from '../../core/clock.ts'
import type { RedisConnection } from './connection.ts'

/** What a keeper is to keep. */
export interface ReconnectInit {
  readonly clock: Clock
  random(): number
  open(signal: AbortSignal): Promise<RedisConnection>
  /** Puts a new link to work. Resolves when all is ready. */
  onConnected(link: RedisConnection): Promise<void>
  /** The link, or the try to open one, is lost. */
  onDisconnected(reason: Error): void
  /** Asks Redis for a sign of life, which is to be told by `alive`. */
  probe(link: RedisConnection): void
}

/** Keeps trying until it is closed. */
export interface ReconnectLoop {
  /** The link that was put to work, if there is one. */
  readonly connection: RedisConnection | undefined
  /** A sign of life has come. */
  alive(): void
  close(): void
}

/** Milliseconds between two probes. */
const PROBE_MS = 2_000

/** Milliseconds without a sign of life after which a link is dead: with the probe before it, 8 s at the most. */
const DEAD_MS = 6_000

/** Milliseconds that opening may take. */
const OPEN_MS = 8_000

const MIN_WAIT_MS = 50
const MAX_WAIT_MS = 3_000

/** Makes a keeper, which begins at once. */
export function startReconnectLoop({
  clock,
  random,
  open,
  onConnected,
  onDisconnected,
  probe,
}: ReconnectInit): ReconnectLoop {
  let link: RedisConnection | undefined
  let closed = false
  let failures = 0
  let aliveAt = 0
  let wake: () => void = () => {}
  let abandon: (reason: Error) => void = () => {}
  void run()

  return {
    get connection() {
      return link
    },
    alive: () => {
      aliveAt = clock.monotonic()
    },
    close: () => {
      closed = true
      abandon(new Error('The journal is closed.'))
      wake()
    },
  }

  async function run(): Promise<void> {
    while (!closed) {
      const reason = await runSession().catch((error: Error) => error)
      link = undefined
      if (closed) return
      onDisconnected(reason)
      // Doubled from try to try, and spread, so that instances don't come back all at once.
      const waitMs = Math.min(MAX_WAIT_MS, MIN_WAIT_MS * 2 ** failures)
      failures = Math.min(failures + 1, 10)
      await pause(waitMs * (0.5 + random()))
    }
  }

  /** One link from its beginning to its end. */
  async function runSession(): Promise<Error> {
    const late = new AbortController()
    abandon = () => late.abort()
    let stop = after(OPEN_MS, () => late.abort())
    let next: RedisConnection | undefined
    try {
      next = await open(late.signal)
      const connection = next
      abandon = (reason) => connection.close(reason)
      await Promise.race([
        onConnected(connection),
        connection.ended.then((reason) => Promise.reject(reason)),
      ])
      stop()
      link = connection
      failures = 0
      aliveAt = clock.monotonic()
      stop = clock.every(PROBE_MS, () => check(connection))
      probe(connection)
      return await connection.ended
    } finally {
      stop()
      next?.close(new Error('It was given up.'))
    }
  }

  function check(connection: RedisConnection): void {
    if (clock.monotonic() - aliveAt < DEAD_MS) probe(connection)
    else connection.close(new Error(`Redis has not answered for ${DEAD_MS / 1_000} seconds.`))
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = after(ms, resolve)
      wake = () => {
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
