/** What the page says about the state of its stream. */
import { isHttp1, SIX } from './hub.ts'
import type { State } from './stream.ts'

/** A state in words; the tone is for those who see colours. */
export interface Words {
  readonly label: string
  readonly tone: 'off' | 'busy' | 'good' | 'warn' | 'bad'
  readonly detail: string
}

const LATE = `The hub has not answered yet.${isHttp1 ? ` ${SIX}` : ''}`

const GAPS = {
  epoch:
    'The hub began anew: what was published before is not known to it. Some of it may be lost to this page.',
  evicted:
    'More was missed than the hub keeps. What it still had has come; what was before is lost.',
}

/**
 * Why the hub says goodbye, and when the browser is back. The moment is the hub's to choose, at
 * random, so that not all return at once; the browser knows it, but tells no page.
 */
const PARTINGS: Readonly<Record<string, string>> = {
  shutdown: 'The hub is going down.',
  slow: 'This page did not take events as fast as they came.',
  expired: 'The grant has ended.',
  disconnected: 'An operator has disconnected this client.',
  'at-capacity': 'The hub has no room for this stream now.',
  lifetime: 'This connection has lived its time.',
}

/** How a state is told. */
export function wordsOf(state: State): Words {
  switch (state.is) {
    case 'left':
      return { label: 'Not joined', tone: 'off', detail: 'Join to see events as they arrive.' }
    case 'connecting':
      return { label: 'Connecting', tone: 'busy', detail: 'Asked the hub for a stream.' }
    case 'waiting':
      return {
        label: 'Still connecting',
        tone: 'warn',
        detail: LATE,
      }
    case 'live':
      return live(state)
    case 'lost':
      return {
        label: 'Connecting again',
        tone: 'warn',
        detail: 'The line is cut. The browser tries again by itself, until it is answered.',
      }
    case 'bye':
      return { label: 'Goodbye', tone: 'warn', detail: parting(state.reason) }
    case 'closed':
      return { label: 'Closed', tone: 'bad', detail: `${state.why} The browser won’t try again.` }
  }
}

function live({ ready, gap }: State & { is: 'live' }): Words {
  const { client, connection, topics, resume } = ready
  const who = `${client} is connection ${connection}, and follows ${topics.join(', ') || 'no topic'}.`
  if (resume === 'gap') {
    return { label: 'Live, after a gap', tone: 'warn', detail: `${gap ? GAPS[gap] : ''} ${who}` }
  }
  if (resume === 'complete') {
    return { label: 'Live, resumed', tone: 'good', detail: `Nothing is missing. ${who}` }
  }
  return { label: 'Live', tone: 'good', detail: who }
}

function parting(reason: string): string {
  const back =
    reason === 'lifetime'
      ? 'The browser is back within a quarter of a second.'
      : 'The browser comes back by itself, at a random moment that the hub has chosen: after 2 to 6 seconds, unless RETRY_MS says otherwise.'
  return `${PARTINGS[reason] ?? reason} ${back}`
}
