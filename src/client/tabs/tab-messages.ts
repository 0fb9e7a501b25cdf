/** The messages between the tabs of a browser, and their validation: any script of the origin may send some. */
import { MAX_TOPICS } from '../../core/address.ts'
import type { Backoff } from '../backoff.ts'
import type { ClientStatus, Gap, ReceivedEvent } from '../stream-types.ts'

/**
 * A step of the shared stream: from the cursor `prev` to the cursor `id`, by an event or without one.
 * Ephemeral events have no id, and the cursor stays. With a gap, events in between were lost.
 */
export interface ChainMessage {
  readonly type: 'chain'
  readonly prev: string | undefined
  readonly id?: string | undefined
  readonly event?: ReceivedEvent | undefined
  readonly gap?: Gap | undefined
}

/** The shared stream as it is: sent by a new leader, after a change, and after each `hello`. */
export interface StateMessage {
  readonly type: 'state'
  readonly cursor: string | undefined
  readonly topics: readonly string[]
  readonly status: ClientStatus
  readonly backoff: Backoff
  /** Whether all tabs should answer with `hello`. */
  readonly asks: boolean
}

/** A message of the tab that holds the stream. */
export type LeaderMessage = ChainMessage | StateMessage

/** A message of any tab. */
export type TabMessage =
  | LeaderMessage
  /** A tab is there, and follows these topics. `wake`: its page woke up, or the network is back. */
  | { readonly type: 'hello'; readonly topics: readonly string[]; readonly wake: boolean }

/** A message with its sender. `term` grows with each leader, so that an old one is recognised. */
export interface Envelope {
  readonly v: 1
  readonly from: string
  readonly term: number
  readonly message: TabMessage
}

/** Returns the envelope if it is a valid one. */
export function toEnvelope(data: unknown): Envelope | undefined {
  const { v, from, term, message } = fields(data)
  const isValid = v === 1 && isText(from) && Number.isSafeInteger(term) && isTabMessage(message)
  return isValid ? (data as Envelope) : undefined
}

function isTabMessage(message: unknown): boolean {
  const { type, prev, id, event, gap, ...others } = fields(message)
  if (type === 'hello') return isTopics(others.topics) && isFlag(others.wake)
  if (type === 'state') return isState(others)
  if (type !== 'chain' || !isOptional(prev) || !isOptional(id)) return false
  return (
    (event === undefined || isEvent(event, id)) && (gap === undefined || (isText(id) && isGap(gap)))
  )
}

function isState({ topics, asks, cursor, status, backoff }: Record<string, unknown>): boolean {
  const { failures, retryMs } = fields(backoff)
  const areNumbers = [failures, retryMs].every(Number.isFinite)
  return isTopics(topics) && isFlag(asks) && isOptional(cursor) && isStatus(status) && areNumbers
}

function isEvent(value: unknown, cursor: unknown): boolean {
  const { id, event, data, topic } = fields(value)
  return id === cursor && isText(event) && isText(data) && isOptional(topic)
}

function isGap(value: unknown): boolean {
  const { reason, earliest } = fields(value)
  return (reason === 'evicted' || reason === 'epoch') && (earliest === null || isText(earliest))
}

/** Of the ends, leaders report only a block: for another reason, the next leader may be accepted. */
function isStatus(value: unknown): boolean {
  const { state, client, resume, until, reason } = fields(value)
  if (state === 'live') return isText(client) && isText(resume)
  if (state === 'waiting') return Number.isFinite(until) && isText(reason)
  return state === 'connecting' || (state === 'ended' && reason === 'blocked')
}

function isTopics(value: unknown): boolean {
  return Array.isArray(value) && value.length <= MAX_TOPICS && value.every(isText)
}

function isFlag(value: unknown): boolean {
  return typeof value === 'boolean'
}

function isOptional(value: unknown): boolean {
  return value === undefined || isText(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** The fields of an object; none of another value. */
function fields(value: unknown): Record<string, unknown> {
  return Object(value)
}
