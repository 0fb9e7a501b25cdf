/** What a runtime provides to run a server. */
import type { RuntimeSupport } from '../compose.ts'
import type { Listen } from '../listening.ts'
import type { WriteLog } from '../log-queue.ts'
import type { OpenFiles } from './process-metrics.ts'

/**
 * What a runtime must provide to run the server. An adapter for another runtime is an object of this
 * type, and an entry point that passes it to `run`. `src/adapters/deno/adapter.ts` is the
 * shortest example.
 */
export interface ServerAdapter extends RuntimeSupport {
  /**
   * Whether the server may use TLS, with the files in `TLS_CERT` and `TLS_KEY`. Without it, the server
   * refuses to start when they are set.
   * @defaultValue `false`
   */
  readonly tls?: boolean
  /**
   * Passes every request to `fetch`, and resolves once connections are accepted. Streams are quiet for up
   * to `HEARTBEAT_SECONDS` and last for an hour or more: turn off any timeout of the runtime that would
   * cut them. When a client disconnects, the stream's `onAbort` listeners must run, also while nothing is
   * being written.
   */
  readonly listen: Listen
  /**
   * Starts this program again, as a worker: a process that listens on the same port, and that `process.send`
   * and `process.on('message')` connect to this one.
   * @defaultValue `WORKERS` must be 1
   */
  readonly fork?: Fork
  /** Counts the open files. @defaultValue the runtime can't without a permission */
  readonly openFiles?: () => OpenFiles | undefined
  /**
   * Writes to standard output without blocking the event loop.
   * @defaultValue Node's `fs.write`, which Bun also has
   */
  readonly writeLog?: WriteLog
}

/** Starts a worker. @param environment - variables in addition to those of this process */
export type Fork = (environment: Readonly<Record<string, string>>) => WorkerProcess

/** A process that serves requests for this one. */
export interface WorkerProcess {
  /** Sends a message, in order. It is dropped if the process has ended. */
  send(message: unknown): void
  /** Calls the listener with each message from the process, in order. */
  onMessage(listener: (message: unknown) => void): void
  /** Calls the listener when the process has ended: with its exit code, or the signal that ended it. */
  onEnd(listener: (code: number | null, signal: string | null) => void): void
  /** Ends it at once. */
  kill(): void
}
