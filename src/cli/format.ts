/** Formats the events of a stream for a terminal. */
import type { ReceivedEvent } from '../client/stream-types.ts'
import { colour } from './colour.ts'

const GAPS: Readonly<Record<string, string>> = {
  epoch: 'may be lost, because the journal has started a new epoch',
  evicted: 'are lost, because the journal has evicted them',
}

/** How events are printed. */
export interface EventFormat {
  readonly json?: true
  /** Whether the topic of an event comes first. */
  readonly topics?: boolean
}

/** Formats a published event as one line: its topic, if that is asked for, its name, if it has one, and its data; or all of it as JSON. */
export function formatEvent(frame: ReceivedEvent, { json, topics }: EventFormat): string {
  const { id = null, event, data, topic } = frame
  if (json) return JSON.stringify({ id, event, data, topic })
  const name = event === 'message' ? '' : `${colour('yellow', visible(event))}: `
  const from = topics ? `${colour('cyan', visible(topic ?? '*'))}  ` : ''
  return from + name + visible(data)
}

/** Describes a control event; undefined if it need not be shown. */
export function formatControlEvent(type: string, data: string): string | undefined {
  const format = FORMATS.get(type)
  return format && visible(format(JSON.parse(data) as Record<string, unknown>))
}

type Fields = Readonly<Record<string, unknown>>

const FORMATS: ReadonlyMap<string, (fields: Fields) => string> = new Map(
  Object.entries({
    'hub:ready': ({ client, topics, resume }: Fields) => {
      const names =
        Array.isArray(topics) && topics.length > 0 ? ` (topics: ${topics.join(', ')})` : ''
      const missed = { complete: ': resumed, nothing was missed', gap: ': resumed with a gap' }
      return `listening as ${client}${names}${missed[resume as 'complete' | 'gap'] ?? ''}`
    },
    'hub:gap': ({ requested, earliest, reason }: Fields) => {
      const left = earliest ? `the replay starts at ${earliest}` : 'nothing can be replayed'
      return `gap: events after ${requested} ${GAPS[String(reason)] ?? `are lost (${reason})`}; ${left}`
    },
    'hub:bye': ({ reason }: Fields) => `the hub ended the stream (${reason}): reconnecting`,
  }),
)

/** Makes text safe for a terminal: replaces control characters other than tab and line feed. */
export function visible(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '\ufffd')
}
