/** The part of a worker that connects it to the first process. */
import { systemClock } from '../../core/clock.ts'
import type { SharedAttempt } from '../../http/auth/attempts.ts'
import { createIpcJournal } from '../../journal/ipc/journal.ts'
import { type MessageOf, perform } from '../../journal/ipc/messages.ts'
import type { Journal } from '../../journal/journal.ts'
import { journalBounds, type ProcessSharing } from '../compose.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../logger.ts'
import type { StopSignal } from '../stopping.ts'
import { mergeWorkers, type NamedText, withoutJournal } from './metrics-exchange.ts'
import type { ToFirst, ToWorker, WorkerName } from './process-messages.ts'

/** A worker, as the server in it sees it. */
export interface WorkerRole {
  readonly port: number
  /** The journal that the first process holds; undefined with `REDIS_URL`. */
  readonly journal: Journal | undefined
  /** Resolves once the journal can be used. */
  readonly reached: Promise<void>
  /** Tells the first process that connections are accepted. */
  listening(): void
  /** Calls the listener when the first process stops. */
  onStop(listener: (signal: StopSignal) => void): void
  readonly sharing: ProcessSharing
}

/** Milliseconds after which a worker reports only its own metrics: more than the first process waits for the others. */
const COLLECT_MS = 4_000

/** Connects this process to the one that started it, whose end it does not survive. */
export function joinFirst(
  { name, port, count }: WorkerName,
  config: Config,
  log: Logger,
): WorkerRole {
  const send = (message: MessageOf<ToFirst>) => {
    // The first process may have ended; this one is about to.
    process.send?.(message, undefined, undefined, () => {})
  }
  const journal =
    config.REDIS_URL === undefined
      ? createIpcJournal({
          instance: name,
          clock: systemClock,
          post: (message) => send(['journal', message]),
          maxBytes: journalBounds(config).maxBytes,
          onError: (error) => log.error('a message of the first process failed', { error }),
        })
      : undefined
  const collections = new Map<number, (texts: readonly NamedText[]) => void>()
  let calls = 0
  let stopSignal: StopSignal | undefined
  let onStop: (signal: StopSignal) => void = () => {}
  let ownMetrics = async () => ''
  let onAttempt: (attempt: SharedAttempt) => void = () => {}
  const fromFirst: ToWorker = {
    ping: () => send(['pong']),
    journal: (message) => journal?.onMessage(message),
    stop: (signal) => {
      stopSignal = signal
      onStop(signal)
    },
    attempt: (attempt) => onAttempt(attempt),
    metrics: (call) => {
      ownMetrics().then(
        (text) => send(['metrics', call, journal ? withoutJournal(text) : text]),
        () => {},
      )
    },
    collected: (call, texts) => {
      collections.get(call)?.(texts)
      collections.delete(call)
    },
  }
  process.on('message', (message) => perform(fromFirst, message))
  process.on('disconnect', () => process.exit(1))
  return {
    port,
    journal,
    reached: journal?.reached ?? Promise.resolve(),
    listening: () => send(['listening']),
    onStop: (listener) => {
      onStop = listener
      if (stopSignal) listener(stopSignal)
    },
    sharing: {
      metrics: (own) => {
        ownMetrics = own
        return collect
      },
      attempts: {
        send: (attempt) => send(['attempt', attempt]),
        onReceived: (listener) => {
          onAttempt = listener
        },
      },
    },
  }

  async function collect(): Promise<string> {
    calls += 1
    const call = calls
    const collected = new Promise<readonly NamedText[]>((resolve) => {
      collections.set(call, resolve)
      send(['collect', call])
    })
    const own: NamedText = [name, await ownMetrics()]
    // The first process may hang.
    const cancel = systemClock.every(COLLECT_MS, () => fromFirst.collected(call, [own]))
    try {
      return mergeWorkers(count, await collected)
    } finally {
      cancel()
    }
  }
}
