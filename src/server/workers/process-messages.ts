/** What the first process and its workers send each other. */
import type { SharedAttempt } from '../../http/auth/attempts.ts'
import type { LinkMessage } from '../../journal/ipc/link.ts'
import type { StopSignal } from '../stopping.ts'

/** What a worker sends to the first process. */
export interface ToFirst {
  /** It accepts connections. */
  listening(): void
  /** Answers a ping. */
  pong(): void
  /** A message to the holder of the journal. */
  journal(message: LinkMessage): void
  /** An attempt that other workers count, too. */
  attempt(attempt: SharedAttempt): void
  /** Asks for the metrics of all processes. */
  collect(call: number): void
  /** Its metrics. */
  metrics(call: number, text: string): void
}

/** What the first process sends to a worker. */
export interface ToWorker {
  /** Asks for an answer at once: one that hangs gives none. */
  ping(): void
  /** A message from the holder of the journal. */
  journal(message: LinkMessage): void
  stop(signal: StopSignal): void
  /** An attempt at another worker. */
  attempt(attempt: SharedAttempt): void
  /** Asks for its metrics. */
  metrics(call: number): void
  /** The metrics of all processes that have responded, by their names. */
  collected(call: number, texts: readonly (readonly [name: string, text: string])[]): void
}

/** The variable that makes a process a worker. */
const WORKER_VARIABLE = 'HONO_SSE_WORKER'

/** What a worker learns at its start. */
export interface WorkerName {
  /** Its number, from 1 on. */
  readonly name: string
  /** How many workers there are. */
  readonly count: number
  /** The port that all of them listen on. */
  readonly port: number
  /** The version of the first process: a worker that starts later may find another one installed. */
  readonly version: string
}

/** Returns the variable that makes a process this worker. */
export function workerVariable({ name, count, port, version }: WorkerName): Record<string, string> {
  return { [WORKER_VARIABLE]: `${name}/${count}:${port} ${version}` }
}

/** Returns which worker a process is; undefined if the first process has not started it. */
export function workerNameIn(
  environment: Readonly<Record<string, string | undefined>>,
): WorkerName | undefined {
  const text = environment[WORKER_VARIABLE] ?? ''
  const [, name, count, port, version = ''] = /^(\d+)\/(\d+):(\d+) (.+)$/.exec(text) ?? []
  if (name === undefined) return undefined
  return { name, count: Number(count), port: Number(port), version }
}
