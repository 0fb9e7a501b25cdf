/** Channels: subscribes and unsubscribes in batches, one after another for each channel. */
import type { RedisConnection } from '../connection.ts'

/** The channels that this hub subscribes to, on whatever connection it has. */
export interface Channels {
  subscribe(channel: string): void
  unsubscribe(channel: string): void
  /** Returns whether the hub wants this channel, whether or not Redis has confirmed it. */
  has(channel: string): boolean
  /** Resolves when Redis has confirmed the subscriptions to these channels. @throws if the connection is lost */
  confirmed(channels: readonly string[]): Promise<void>
  /**
   * Subscribes to all channels on a new connection. Resolves when Redis has confirmed them.
   * @param onProgress - called after each batch
   */
  attach(connection: RedisConnection, onProgress: () => void): Promise<void>
  /** Drops the connection, which is lost. */
  detach(): void
}

/** Channels of one command: a millisecond of work for Redis, and a few for this process. */
const BATCH = 500

/** Commands in flight: enough that Redis is never waited for, and few enough that other work comes in between. */
const MAX_IN_FLIGHT = 4

interface Waiter {
  isDone(): boolean
  resolve(): void
  reject(error: Error): void
}

/** Creates the channels of one hub. @param always - channels that are never unsubscribed from */
export function createChannels(always: readonly string[]): Channels {
  const wanted = new Set<string>(always)
  /** Channels whose subscription has to change, in order. Whether they are wanted is decided when their batch is sent. */
  const queue = new Set<string>()
  /** Channels of the commands in flight. A second command for one of them waits. */
  const inFlight = new Set<string>()
  let waiters: Waiter[] = []
  let connection: RedisConnection | undefined
  let commands = 0
  let scheduled = false
  let onDone: (count: number) => void = () => {}
  return {
    subscribe,
    unsubscribe,
    has: (channel) => wanted.has(channel),
    confirmed,
    attach,
    detach,
  }

  function subscribe(channel: string): void {
    wanted.add(channel)
    change(channel)
  }

  function unsubscribe(channel: string): void {
    wanted.delete(channel)
    change(channel)
  }

  function change(channel: string): void {
    if (!connection) return
    queue.add(channel)
    if (scheduled) return
    // What changes in one step of the hub goes in one command.
    scheduled = true
    queueMicrotask(() => {
      scheduled = false
      sendBatches()
    })
  }

  async function confirmed(channels: readonly string[]): Promise<void> {
    await when(() => !channels.some((channel) => queue.has(channel) || inFlight.has(channel)))
  }

  async function attach(next: RedisConnection, onProgress: () => void): Promise<void> {
    detach()
    connection = next
    for (const channel of wanted) queue.add(channel)
    let left = queue.size
    const attached = when(() => left <= 0)
    onDone = (count) => {
      left -= count
      onProgress()
    }
    sendBatches()
    await attached
  }

  function detach(): void {
    connection = undefined
    onDone = () => {}
    commands = 0
    queue.clear()
    inFlight.clear()
    for (const { reject } of waiters.splice(0)) reject(new Error('The connection was lost.'))
  }

  function when(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve()
    return new Promise((resolve, reject) => waiters.push({ isDone, resolve, reject }))
  }

  function sendBatches(): void {
    const current = connection
    while (current && commands < MAX_IN_FLIGHT) {
      const batch = nextBatch()
      if (batch.length === 0) return
      commands += 1
      // Whoever waits for the batch receives the error.
      send(current, batch).then(() => finish(current, batch), current.close)
    }
  }

  function nextBatch(): readonly string[] {
    const batch: string[] = []
    for (const channel of queue) {
      if (inFlight.has(channel)) continue
      batch.push(channel)
      if (batch.length === BATCH) break
    }
    for (const channel of batch) {
      queue.delete(channel)
      inFlight.add(channel)
    }
    return batch
  }

  async function send(current: RedisConnection, batch: readonly string[]): Promise<void> {
    const added = batch.filter((channel) => wanted.has(channel))
    const removed = batch.filter((channel) => !wanted.has(channel))
    await Promise.all([
      added.length > 0 && current.subscribe(added),
      removed.length > 0 && current.unsubscribe(removed),
    ])
  }

  function finish(current: RedisConnection, batch: readonly string[]): void {
    if (current !== connection) return
    commands -= 1
    for (const channel of batch) inFlight.delete(channel)
    onDone(batch.length)
    sendBatches()
    waiters = waiters.filter(({ isDone, resolve }) => {
      const done = isDone()
      if (done) resolve()
      return !done
    })
  }
}
