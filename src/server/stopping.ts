/** Stops a server, for the command and for `serve`: at a signal, and in an order in which clients lose nothing. */
import type { ListeningSocket } from './listening.ts'

/** What is stopped. */
export interface Stoppable {
  /** Makes load balancers use other instances. */
  retire(): void
  /** Closes the hub within this many milliseconds. @defaultValue the server has no hub */
  readonly close: ((drainMs: number) => Promise<void>) | undefined
  /** Undefined if the server does not listen yet. */
  readonly socket: ListeningSocket | undefined
}

/** How long a stop may take. */
export interface StopTimes {
  /** Milliseconds to continue after `retire`. */
  readonly delayMs: number
  /** Milliseconds within which all streams and requests end. */
  readonly drainMs: number
}

/** The share of the drain that is reserved for other requests once all streams have ended, and its maximum in milliseconds. */
const LAST_REQUESTS = 0.1
const LAST_MS = 500

/** Stops a server. Resolves when its last connection has closed. */
export async function stopServer(
  { retire, close, socket }: Stoppable,
  { delayMs, drainMs }: StopTimes,
): Promise<void> {
  retire()
  // A load balancer needs a probe or two to notice that it should use other instances.
  if (delayMs > 0 && socket) await new Promise((resolve) => setTimeout(resolve, delayMs))
  const lastMs = Math.min(LAST_MS, drainMs * LAST_REQUESTS)
  try {
    // The socket stays open while the streams end: new connections still learn when to reconnect.
    await close?.(drainMs - lastMs)
  } finally {
    if (socket) await closeSocket(socket, close ? lastMs : drainMs)
  }
}

async function closeSocket(socket: ListeningSocket, ms: number): Promise<void> {
  const closed = socket.stop()
  if (await within(ms, closed)) return
  socket.abort()
  await within(LAST_MS, closed)
}

/** Whether a promise settles within this many milliseconds. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false)
  })
  const settled = promise.then(() => true)
  return await Promise.race([settled, timeout]).finally(() => clearTimeout(timer))
}

/** Signals and their numbers: a shell reports 128 plus the number as the exit code. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const

/** A signal that stops a server. */
export type StopSignal = keyof typeof SIGNALS

/** Servers that listen to signals. */
let servers = 0

/** How many servers of this process listen to signals, and have not stopped. */
export function stoppingServers(): number {
  return servers
}

/** Calls `stop` at the first signal, and ends the process at the second. Returns a function that listens no more. */
export function onStopSignal(stop: (signal: StopSignal) => void): () => void {
  let stopping = false
  servers += 1
  const listeners = Object.entries(SIGNALS).map(([signal, number]) => {
    const listener = () => {
      if (stopping) process.exit(128 + number)
      stopping = true
      stop(signal as StopSignal)
    }
    process.on(signal, listener)
    return [signal, listener] as const
  })
  return () => {
    servers -= 1
    for (const [signal, listener] of listeners) process.off(signal, listener)
  }
}
