/** Inbound messages: held while a connection catches up. A message that can't be used is ignored and never ends the connection. */

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
  /** Drops messages from now on: a connection is being prepared, and reads the journal afterwards. */
  drop(): void
  /** Holds messages from now on: the journal is being read. */
  hold(): void
  /** Whether messages were dropped since the last call of `hold`: the journal has to be read again. */
  readonly overflowed: boolean
  /** Dispatches what was held, and from now on each message at once. */
  release(): void
  /** Runs work of the hub. An error is reported as an ignored message. */
  guard(work: () => void): void
}

/** The maximum number of messages held, and of their bytes. */
const MAX_HELD = 50_000
const MAX_HELD_BYTES = 16_777_216

/** Creates the inbound messages of one hub. */
export function createInbound({ dispatch, ignored }: InboundInit): Inbound {
  let phase: 'dropping' | 'holding' | 'open' = 'dropping'
  let held: (() => void)[] = []
  let heldBytes = 0
  return {
    onMessage,
    drop: () => enter('dropping'),
    hold: () => enter('holding'),
    get overflowed() {
      return phase === 'dropping'
    },
    release,
    guard,
  }

  function onMessage(channel: string, message: Uint8Array): void {
    if (phase === 'dropping') return
    const work = () => guard(() => dispatch(channel, message))
    if (phase === 'open') {
      work()
      return
    }
    held.push(work)
    heldBytes += channel.length + message.byteLength
    if (held.length > MAX_HELD || heldBytes > MAX_HELD_BYTES) enter('dropping')
  }

  function enter(next: 'dropping' | 'holding'): void {
    phase = next
    held = []
    heldBytes = 0
  }

  function release(): void {
    const messages = held
    phase = 'open'
    held = []
    for (const work of messages) work()
  }

  function guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      ignored(error)
    }
  }
}
