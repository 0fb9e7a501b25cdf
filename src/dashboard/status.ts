/** Describes the state of the stream in words. */
import { CONNECTION_LIMIT, isHttp1 } from './api.ts'
import type { State } from './stream.ts'

/** A description of a state. The tone selects a colour. */
export interface Status {
  readonly label: string
  readonly tone: 'off' | 'busy' | 'good' | 'warn' | 'bad'
  readonly detail: string
}

const NO_RESPONSE = `The hub has not responded yet.${isHttp1 ? ` ${CONNECTION_LIMIT}` : ''}`

const GAPS = {
  epoch: 'The hub has started a new epoch. Events published before may be lost to this page.',
  evicted:
    'This page missed more events than the hub stores. It received those that were left; the older ones are lost.',
}

const BYE_REASONS: Readonly<Record<string, string>> = {
  shutdown: 'The hub is shutting down.',
  slow: 'This page received events more slowly than they were published.',
  expired: 'The grant has expired.',
  disconnected: 'An operator has disconnected this client.',
  'at-capacity': 'The hub can’t accept this stream now.',
  lifetime: 'This connection has reached its maximum lifetime.',
}

/** Returns the description of a state. */
export function statusOf(state: State): Status {
  switch (state.is) {
    case 'left':
      return { label: 'Not joined', tone: 'off', detail: 'Join to see events as they arrive.' }
    case 'connecting':
      return { label: 'Connecting', tone: 'busy', detail: 'The page has requested a stream.' }
    case 'waiting':
      return { label: 'Still connecting', tone: 'warn', detail: NO_RESPONSE }
    case 'live':
      return liveStatus(state)
    case 'lost':
      return {
        label: 'Reconnecting',
        tone: 'warn',
        detail: 'The connection is lost. The browser reconnects automatically.',
      }
    case 'bye':
      return { label: 'Goodbye', tone: 'warn', detail: byeDetail(state.reason) }
    case 'closed':
      return { label: 'Closed', tone: 'bad', detail: `${state.why} The browser won’t reconnect.` }
  }
}

function liveStatus({ ready, gap }: State & { is: 'live' }): Status {
  const { client, connection, topics, resume } = ready
  const followed = topics.join(', ') || 'no topic'
  const summary = `${client} is connection ${connection} and follows ${followed}.`
  if (resume === 'gap') {
    return {
      label: 'Live, after a gap',
      tone: 'warn',
      detail: `${gap ? GAPS[gap] : ''} ${summary}`,
    }
  }
  if (resume === 'complete') {
    return { label: 'Live, resumed', tone: 'good', detail: `No event was missed. ${summary}` }
  }
  return { label: 'Live', tone: 'good', detail: summary }
}

/** Why the hub ended the stream, and when the browser reconnects: an EventSource does not report its delay. */
function byeDetail(reason: string): string {
  const reconnect =
    reason === 'lifetime'
      ? 'The browser reconnects within a quarter of a second.'
      : 'The browser reconnects automatically after a random delay that the hub has chosen: 2 to 6 seconds, unless RETRY_MS is set.'
  return `${BYE_REASONS[reason] ?? reason} ${reconnect}`
}
