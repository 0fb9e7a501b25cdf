/** Inbound messages: held while a connection catches up. A message that can't be used is ignored and never ends the connection. */
import type { RedisConnection } from './connection.ts'

/** What receives the messages. */
export interface InboundInit {
  /** @throws when the message can't be used */
  dispatch(channel: string, message: Uint8Array): void
  /** Called when a message was not used. */
  ignored(error: unknown): void
}

/** The messages of one hub, in the order in which Redis sent them. */
export interface Inbound {
  onMessage(channel: string, message: Uint8Array): void
  /** Holds messages from now on: this connection is catching up. */
  hold(opening: RedisConnection): void
  /** Dispatches what was held, and from now on each message at once. */
  release(): void
  /** Runs work of the hub. An error is reported as an ignored message. */
  guard(work: () => void): void
}

/** The maximum number of messages held while a connection catches up. */
const MAX_HELD = 50_000

/** Creates the inbound messages of one hub. */
export function createInbound({ dispatch, ignored }: InboundInit): Inbound {
  /** The connection that is catching up, until it has. */
  let opening: RedisConnection | undefined
  let held: (() => void)[] = []
  return { onMessage, hold, release, guard }

  function onMessage(channel: string, message: Uint8Array): void {
    const work = () => guard(() => dispatch(channel, message))
    if (!opening) work()
    else if (held.length < MAX_HELD) held.push(work)
    else opening.close(new Error('Too many messages arrived while the connection was catching up.'))
  }

  function hold(next: RedisConnection): void {
    held = []
    opening = next
  }

  function release(): void {
    opening = undefined
    for (const work of held.splice(0)) work()
  }

  function guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      ignored(error)
    }
  }
}
