/** The channel of the tabs: all of them send their topics, and the leader sends the stream. */
import type { Channel } from '../browser.ts'
import { type LeaderMessage, type TabMessage, toEnvelope } from './tab-messages.ts'

/** Receives the messages of the other tabs. */
export interface TabChannelHandlers {
  /** Another tab is there, follows these topics, and has just woken up if `wake` is true. */
  onHello(topics: readonly string[], wake: boolean): void
  onLeader(message: LeaderMessage): void
  /** Another tab than before leads. It does not know this one yet. */
  onNewLeader(): void
  /** Another tab leads now, and this one no longer does. */
  onDeposed(): void
}

/** One tab's end of the channel. */
export interface TabChannel {
  say(message: TabMessage): void
  /** This tab leads from now on: messages of earlier leaders are ignored. */
  lead(): void
  close(): void
}

/** Joins a channel as the tab `me`. If several tabs claim to lead, the one with the newest term counts. */
export function joinChannel(
  channel: Channel,
  me: string,
  { onHello, onLeader, onNewLeader, onDeposed }: TabChannelHandlers,
): TabChannel {
  let term = 0
  let leader = ''
  channel.onmessage = ({ data }) => receive(data)
  return {
    say: (message) => channel.postMessage({ v: 1, from: me, term, message }),
    lead: () => {
      term += 1
      leader = me
    },
    close: () => {
      channel.onmessage = null
      channel.close()
    },
  }

  function receive(data: unknown): void {
    const envelope = toEnvelope(data)
    if (!envelope || envelope.from === me) return
    const { from, message } = envelope
    if (message.type === 'hello') {
      // There were leaders before this one whose messages it did not receive.
      if (leader === me && envelope.term > term) term = envelope.term + 1
      onHello(message.topics, message.wake)
      return
    }
    // Of two leaders the later one counts, and of two with the same term only one.
    if (envelope.term < term || (envelope.term === term && from < leader)) return
    term = envelope.term
    if (from !== leader) {
      const wasLeading = leader === me
      leader = from
      if (wasLeading) onDeposed()
      else onNewLeader()
    }
    onLeader(message)
  }
}
