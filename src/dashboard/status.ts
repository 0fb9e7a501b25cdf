/** Describes the state of the stream in words. */
import type { ClientStatus, Gap } from '../client/index.ts'
import { CONNECTION_LIMIT, isHttp1 } from './api.ts'
import { timeOfDay } from './elements.ts'

/** What the page knows of its stream. */
export interface StreamState {
  /** `left`: the page has no stream. `unanswered`: the hub takes longer to answer than usual. */
  readonly status: ClientStatus | { readonly state: 'left' | 'unanswered' }
  readonly topics: readonly string[]
  /** Whether the stream was live before. */
  readonly isBack: boolean
  /** The gap that the stream has reported since it is live. */
  readonly gap?: Gap | undefined
}

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

const ENDS = {
  closed: 'The stream is closed.',
  blocked: 'The hub has temporarily blocked this client (204).',
  unauthorized: 'The hub accepts no credential of this page.',
  refused: 'The hub refused the request.',
}

/** Returns the description of a state. */
export function statusOf({ status, topics, isBack, gap }: StreamState): Status {
  switch (status.state) {
    case 'left':
      return { label: 'Not joined', tone: 'off', detail: 'Join to see events as they arrive.' }
    case 'unanswered':
      return { label: 'Still connecting', tone: 'warn', detail: NO_RESPONSE }
    case 'connecting':
      return isBack
        ? { label: 'Reconnecting', tone: 'warn', detail: 'The page has requested a stream again.' }
        : { label: 'Connecting', tone: 'busy', detail: 'The page has requested a stream.' }
    case 'waiting': {
      const detail = `${status.reason.replace(/\.?$/, '.')} The next attempt is at ${timeOfDay(new Date(status.until))}.`
      return { label: 'Reconnecting', tone: 'warn', detail }
    }
    case 'live': {
      const summary = `${status.client} follows ${topics.join(', ') || 'no topic'}.`
      if (gap) {
        return {
          label: 'Live, after a gap',
          tone: 'warn',
          detail: `${GAPS[gap.reason]} ${summary}`,
        }
      }
      if (!isBack) return { label: 'Live', tone: 'good', detail: summary }
      return { label: 'Live, resumed', tone: 'good', detail: `No event was missed. ${summary}` }
    }
    case 'ended': {
      const detail = `${status.detail ?? ENDS[status.reason]} The page won’t reconnect.`
      return { label: 'Closed', tone: 'bad', detail }
    }
  }
}
