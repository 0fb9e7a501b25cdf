/** Pipes: publishes an event stream of your own, such as the answer of a language model, each event as it arrives. */
import { onAborted } from '../../core/abort.ts'
import { type Addresses, addressKeys, ownAddresses } from '../../core/address.ts'
import type { EventSchemas } from '../../core/declared-events.ts'
import { HubError } from '../../core/errors.ts'
import { checkEventKey, EVENT_NAME_RULE, type EventInput, isEventName } from '../../core/event.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import { createEventCheck } from '../event-check.ts'
import type { IsolatedHooks } from '../hooks/hooks.ts'
import type { Producers } from './producers.ts'
import { isPipeSource, type PipedFields, type PipeSource, runPipe } from './run-pipe.ts'

/** Options of `hub.pipe`. */
export interface PipeOptions extends PipedFields {
  /**
   * The name of one last event when the stream does not end by itself, so that no page waits for ever. Its data is
   * `{ reason, key }`. The reason is `aborted` after a stop or an abort, `closing` when the hub closes, `broken` when the stream failed,
   * `refused` when an event could not be published. @defaultValue none: no such event
   */
  readonly onAbort?: string | undefined
  /** Ends the pipe when it is aborted. @defaultValue none */
  readonly signal?: AbortSignal | undefined
}

/** What a pipe published. */
export interface PipeResult {
  /** The number of events, without the last one of `onAbort`. */
  readonly published: number
  /** The id of the last one that was stored. Absent if none was. */
  readonly id?: string
  /** True when the stream was ended by `hub.stop` or by the signal. */
  readonly stopped?: true
}

/** Publishes the events of a stream. */
export type Pipe = (
  addresses: Addresses,
  source: PipeSource,
  options?: PipeOptions,
) => Promise<PipeResult>

/** What pipes need of the hub. */
export interface PipeInit {
  readonly maxEventBytes: number
  /** The events that the hub declares. */
  readonly schemas: EventSchemas | undefined
  readonly hooks: Pick<IsolatedHooks, 'onError'>
  readonly producers: Producers
  publish(addresses: Addresses, event: EventInput): Promise<{ readonly id?: string }>
  flushed(): Promise<void>
}

const KINDS: Kinds<PipeOptions> = {
  event: KIND.text,
  ephemeral: KIND.flag,
  key: KIND.text,
  onAbort: KIND.text,
  signal: KIND.signal,
}

/** Checks what is known before the source is read. @throws {HubError} `invalid-option`; `invalid-event` for a key */
export function checkPipe(source: PipeSource, options: PipeOptions): void {
  if (!isPipeSource(source)) throw new HubError('invalid-option', SOURCE_RULE)
  checkOptions('pipe', options, KINDS)
  const { event, onAbort, key } = options
  for (const [option, name] of Object.entries({ event, onAbort })) {
    if (name === undefined || isEventName(name)) continue
    throw new HubError('invalid-option', `The option ${option} of pipe ${EVENT_NAME_RULE}.`)
  }
  if (key !== undefined) checkEventKey(key)
}

const SOURCE_RULE =
  'The source of pipe must be text, a ReadableStream or iterable: not a Response, but its body.'

/** Creates the function that pipes. */
export function createPipe(init: PipeInit): Pipe {
  const { maxEventBytes, schemas, hooks, producers, publish, flushed } = init
  return async (addresses, source, options = {}) => {
    const keys = addressKeys(addresses)
    const own = ownAddresses(addresses)
    checkPipe(source, options)
    const { onAbort, signal, ...fields } = options
    const { key } = fields
    const controller = new AbortController()
    const forget = signal && onAborted(signal, () => controller.abort())
    // At once: a stop may follow before anything else is known.
    const remove = producers.add(keys, key, (reason) => controller.abort(reason))
    try {
      if (schemas && onAbort !== undefined && !(await acceptsAbort(onAbort, key, schemas))) {
        throw new HubError('invalid-option', `The option onAbort of pipe ${ABORT_EVENT_RULE}.`)
      }
      const { published, id, ending, error } = await runPipe({
        source,
        fields,
        maxEventBytes,
        signal: controller.signal,
        startTurn: () => async (event) => {
          const { id } = await publish(own, event)
          producers.last.drop({ keys, event: onAbort, key })
          return id
        },
        flushed,
      })
      if (ending !== 'complete' && onAbort !== undefined) {
        const last = abortEvent(onAbort, ending, key)
        await producers.last.publish({ ...last, keys }, tryEach(own, last))
      }
      if (ending !== 'complete' && ending !== 'aborted') throw error
      const result = id === undefined ? { published } : { published, id }
      return ending === 'aborted' ? { ...result, stopped: true } : result
    } finally {
      remove()
      forget?.()
    }
  }

  /** Returns what publishes an event, and reports the first failure. */
  function tryEach(addresses: Addresses, event: EventInput): () => Promise<boolean> {
    let failures = 0
    return async () => {
      try {
        await publish(addresses, event)
        return true
      } catch (failure) {
        failures += 1
        if (failures === 1) hooks.onError(failure, 'publish')
        return !(failure instanceof HubError && failure.code === 'journal-unavailable')
      }
    }
  }
}

/** The last event of a stream that did not end by itself. */
export function abortEvent(event: string, reason: string, key?: string): EventInput {
  return { event, data: { reason, key }, key }
}

/** What an event must be that ends a stream which did not end by itself. */
export const ABORT_EVENT_RULE = 'must be a declared event whose schema accepts { reason, key }'

/** Whether the schemas of a hub accept such an event. */
export async function acceptsAbort(
  name: string,
  key: string | undefined,
  schemas: EventSchemas,
): Promise<boolean> {
  try {
    await createEventCheck(schemas)(abortEvent(name, 'aborted', key))
    return true
  } catch {
    return false
  }
}
