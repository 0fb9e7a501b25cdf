/** A link to another process: sends the items of one turn of the event loop in few messages, and bounds what is on its way. */
import type { Clock } from '../../core/clock.ts'

/** A message: the items of a turn, and what the receiver has received. Any structured clone can carry it. */
export interface LinkMessage {
  readonly items: readonly unknown[]
  /** The receiver confirms this message, and with it those before. */
  readonly ask?: number | undefined
  /** The message that the sender confirms. */
  readonly ack?: number | undefined
}

/** What a link needs. */
export interface LinkInit {
  readonly clock: Pick<Clock, 'soon'>
  /** Sends a message. Messages arrive in order. */
  post(message: LinkMessage): void
  /** Called with each item that arrives, in order. What it throws goes to `onError`. */
  receive(item: unknown): void
  onError(error: unknown): void
  /** Called when the other process has confirmed messages. @defaultValue nothing */
  onConfirmed?(): void
}

/** One end of a link. */
export interface Link<Item> {
  /** Queues an item. @param bytes - about how large it is, beside the cost of any item */
  send(item: Item, bytes?: number): void
  /** Called with each message that arrives. */
  onMessage(message: LinkMessage): void
  /** Bytes that wait, or are not confirmed yet. */
  readonly pendingBytes: number
  /** Asks for a confirmation, also of what was sent before. */
  probe(): void
  /** The number of the confirmation that covers what was sent so far. */
  readonly mark: number
  /** The number of the latest confirmation. */
  readonly confirmed: number
}

/** The size of one message, unless a single item is larger: between two of them, the receiver does other work. */
const MESSAGE_BYTES = 262_144

/** Bytes that may be on their way. What waits beyond them is sent when the receiver has confirmed. */
const WINDOW_BYTES = 4_194_304

/** About what an item costs beside its content. */
const ITEM_BYTES = 32

/** Creates one end of a link. */
export function createLink<Item>(init: LinkInit): Link<Item> {
  const { clock, post, receive, onError, onConfirmed = () => {} } = init
  let queue: Item[] = []
  let sizes: number[] = []
  /** The index of the first item that waits. */
  let first = 0
  let queuedBytes = 0
  let unconfirmedBytes = 0
  /** The bytes up to each confirmation that is missing, oldest first. */
  const asked: { readonly ask: number; readonly bytes: number }[] = []
  let asks = 0
  let confirmed = 0
  let bytesSinceAsk = 0
  let ack: number | undefined
  let probing = false
  let scheduled = false
  return {
    send,
    onMessage,
    get pendingBytes() {
      return queuedBytes + unconfirmedBytes
    },
    probe: () => {
      probing = true
      schedule()
    },
    get mark() {
      return asks + 1
    },
    get confirmed() {
      return confirmed
    },
  }

  function send(item: Item, bytes = 0): void {
    const size = bytes + ITEM_BYTES
    queue.push(item)
    sizes.push(size)
    queuedBytes += size
    schedule()
  }

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    clock.soon(flush)
  }

  function flush(): void {
    scheduled = false
    while (
      (first < queue.length && unconfirmedBytes < WINDOW_BYTES) ||
      probing ||
      ack !== undefined
    ) {
      const { items, bytes } = take()
      queuedBytes -= bytes
      unconfirmedBytes += bytes
      bytesSinceAsk += bytes
      post({ items, ask: nextAsk(), ack })
      ack = undefined
    }
  }

  function nextAsk(): number | undefined {
    if (!probing && bytesSinceAsk < WINDOW_BYTES / 4) return undefined
    probing = false
    asks += 1
    asked.push({ ask: asks, bytes: bytesSinceAsk })
    bytesSinceAsk = 0
    return asks
  }

  /** Takes the items of one message. */
  function take(): { items: readonly Item[]; bytes: number } {
    let bytes = 0
    let end = first
    while (end < queue.length && unconfirmedBytes + bytes < WINDOW_BYTES) {
      const size = sizes[end] ?? 0
      if (bytes > 0 && bytes + size > MESSAGE_BYTES) break
      bytes += size
      end += 1
    }
    const items = queue.slice(first, end)
    first = end
    if (first === queue.length) {
      queue = []
      sizes = []
      first = 0
    } else if (2 * first > queue.length) {
      queue = queue.slice(first)
      sizes = sizes.slice(first)
      first = 0
    }
    return { items, bytes }
  }

  function onMessage(message: LinkMessage): void {
    if (message.ack !== undefined) confirm(message.ack)
    for (const item of message.items) {
      try {
        receive(item)
      } catch (error) {
        onError(error)
      }
    }
    if (message.ask === undefined) return
    ack = message.ask
    schedule()
  }

  function confirm(number: number): void {
    for (let next = asked[0]; next && next.ask <= number; next = asked[0]) {
      unconfirmedBytes -= next.bytes
      asked.shift()
    }
    confirmed = number
    schedule()
    onConfirmed()
  }
}
