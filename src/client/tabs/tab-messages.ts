/** What the tabs of a browser say to each other, and the check of each message: any script of the origin may send some. */
import type { ClientStatus, Gap, ReceivedEvent } from '../stream-types.ts'

/** Something that happened on the shared stream, with the cursor before it: a tab that is not there yet has missed something. */
export type ChainMessage = {
  readonly prev: string | undefined
  readonly id?: string | undefined
} & (
  | { readonly type: 'event'; readonly event: ReceivedEvent }
  | { readonly type: 'cursor'; readonly id: string }
  | { readonly type: 'gap'; readonly gap: Gap }
)

/** What the tab that holds the stream says. */
export type LeaderMessage =
  | ChainMessage
  /** The stream as it is: sent by a new leader, after a change, and when another tab asks. */
  | {
      readonly type: 'state'
      readonly cursor: string | undefined
      readonly topics: readonly string[]
      readonly status: ClientStatus
    }

/** What any tab says. */
export type TabMessage =
  | LeaderMessage
  /** A tab is there, and follows these topics. The leader answers with its state. */
  | { readonly type: 'hello'; readonly topics: readonly string[] }

/** A message with its sender. `term` grows with each leader, so that an old one is recognised. */
export interface Envelope {
  readonly v: 1
  readonly from: string
  readonly term: number
  readonly message: TabMessage
}

/** Returns the envelope if it is a valid one. */
export function toEnvelope(data: unknown): Envelope | undefined {
  if (!isObject(data) || data.v !== 1 || typeof data.from !== 'string') return undefined
  if (!Number.isSafeInteger(data.term) || !isTabMessage(data.message)) return undefined
  return data as unknown as Envelope
}

function isTabMessage(message: unknown): message is TabMessage {
  if (!isObject(message)) return false
  const { type, topics, cursor, status, prev, id, event, gap } = message
  if (type === 'hello') return isTexts(topics)
  if (type === 'state') return isTexts(topics) && isOptionalText(cursor) && isStatus(status)
  if (!isOptionalText(prev) || !isOptionalText(id)) return false
  if (type === 'event') return isEvent(event)
  if (type === 'gap') return isObject(gap) && (gap.reason === 'evicted' || gap.reason === 'epoch')
  return type === 'cursor' && id !== undefined
}

function isEvent(event: unknown): boolean {
  if (!isObject(event) || !isOptionalText(event.id) || !isOptionalText(event.topic)) return false
  return typeof event.event === 'string' && typeof event.data === 'string'
}

function isStatus(status: unknown): boolean {
  if (!isObject(status)) return false
  if (status.state === 'waiting') return typeof status.until === 'number'
  return ['connecting', 'live', 'ended'].includes(status.state as string)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
