/** The journal of a process that shares one which another process holds. */
import type { AddressKeys } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'
import { positionOf } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import type { HubEvent } from '../../core/event.ts'
import type { Backplane, OnlineClients, OnlineClientsInit } from '../backplane.ts'
import type {
  AppendResult,
  Journal,
  JournalHandler,
  JournalStats,
  ReplayBatch,
  RetainedBatch,
} from '../journal.ts'
import type { Once } from '../once.ts'
import { createCalls } from './calls.ts'
import { createLink, type LinkMessage } from './link.ts'
import {
  type FromHolder,
  keysLength,
  type MessageOf,
  ownFrame,
  perform,
  type Sizes,
  type ToHolder,
} from './messages.ts'
import { createReadQueue } from './read-queue.ts'
import { watchSilence } from './silence.ts'

/** What the journal needs. */
export interface IpcJournalInit {
  /** The name of this process, which no other one that shares the journal has now. */
  readonly instance: string
  readonly clock: Clock
  /** Sends a message to the holder, which any structured clone can carry. Messages arrive in order. */
  post(message: LinkMessage): void
  /** The bound of the bytes that the journal stores. @defaultValue unknown */
  readonly maxBytes?: number | undefined
  /** Called with what fails although the journal continues. */
  onError(error: unknown): void
}

/** A journal that another process holds. */
export interface IpcJournal extends Journal {
  readonly backplane: Backplane
  /** Must be called with each message from the holder, in order. */
  onMessage(message: LinkMessage): void
  /** Resolves once events can be stored and read. */
  readonly reached: Promise<void>
}

/** Bytes on their way to the holder. Beyond them, publishing fails. */
const MAX_PENDING_BYTES = 67_108_864

/** Looks after which a holder that was not heard, although it sends something each second, does not respond. */
const MAX_SILENT_LOOKS = 10

/** The retained events while there are none. */
const NOTHING: JournalStats = { events: 0, bytes: 0 }

/** Replaces the hub before the journal is opened and after it is closed. */
const CLOSED: JournalHandler = { deliver: () => {}, missed: () => {}, respond: () => undefined }

/** Creates a journal that says hello to the holder when a hub opens it. */
export function createIpcJournal(init: IpcJournalInit): IpcJournal {
  const { instance, clock, post, maxBytes, onError } = init
  const calls = createCalls()
  const inTurn = createReadQueue()
  const link = createLink<MessageOf<ToHolder>>({
    clock,
    post,
    receive: (message) => perform(fromHolder, message),
    onError,
  })
  const holder = watchSilence(clock, MAX_SILENT_LOOKS, () => calls.failAll('does not respond'))
  let handler = CLOSED
  let hooks: OnlineClientsInit['hooks'] | undefined
  let epoch = ''
  let head = positionOf('0', 0)
  let instances = 1
  let ready = false
  let onReached = () => {}
  const reached = new Promise<void>((resolve) => {
    onReached = resolve
  })
  let stats = { events: 0, bytes: 0, maxBytes, retained: NOTHING }
  const fromHolder: FromHolder = {
    welcome: (first, sequence, sizes) => {
      epoch = first
      moveTo(sequence, sizes)
    },
    ready: () => {
      ready = true
      onReached()
    },
    event: receiveEvent,
    head: (sequence, sizes, count) => {
      instances = count
      moveTo(sequence, sizes)
    },
    missed: (sequence, list) => {
      const keys = list && new Set(list)
      handler.missed((key) => keys?.has(key) ?? true)
      head = positionOf(epoch, sequence)
    },
    stored: (call, sequence, connections, sizes, repeated) => {
      setSizes(sizes)
      const stored = { connections, ...positionOf(epoch, sequence) }
      calls.resolve(call, repeated ? { ...stored, repeated } : stored)
    },
    relayed: (call, connections) => calls.resolve(call, { connections }),
    batch: calls.resolve,
    used: calls.resolve,
    responses: calls.resolve,
    unfollowed: (call) => calls.resolve(call, undefined),
    failed: calls.fail,
    request: respond,
    online: (client, isOnline, at) => {
      if (isOnline) hooks?.onClientOnline(client, at)
      else hooks?.onClientOffline(client, at)
    },
  }

  return {
    get stats() {
      return stats
    },
    get ready() {
      return ready && !holder.isSilent
    },
    appendsOnce: true,
    append: (keys, event, once) => publish<AppendResult>('append', keys, event, once),
    read: (keys, cursor, bytes, isNeeded) => {
      const ask = (call: number) => link.send(['read', call, keys, cursor, bytes])
      return inTurn({ isNeeded, run: () => calls.make<ReplayBatch>(ask) })
    },
    retained: (keys, after, bytes, isNeeded) => {
      const ask = (call: number) => link.send(['retained', call, keys, after, bytes])
      return inTurn({ isNeeded, run: () => calls.make<RetainedBatch>(ask) })
    },
    head: () => head,
    backplane: {
      instance,
      get instances() {
        return instances
      },
      relay: (keys, event) => publish('relay', keys, event),
      subscribe: (key) => link.send(['listen', key], key.length),
      unsubscribe: (key) => link.send(['leave', key], key.length),
      count: (key, connections) => link.send(['count', key, connections], key.length),
      request: (body, keepMs, until) =>
        calls.make((call) => {
          link.send(['request', call, body, Math.ceil(keepMs), until], JSON.stringify(body).length)
        }),
      useOnce: (name, ttlMs) =>
        calls.make((call) => link.send(['useOnce', call, name, ttlMs], name.length)),
      presence: { follow },
    },
    open: (hub) => {
      handler = hub
      link.send(['hello', instance])
    },
    close: () => {
      handler = CLOSED
      ready = false
      holder.stop()
      calls.close()
    },
    onMessage: (message) => {
      holder.heard()
      link.onMessage(message)
    },
    reached,
  }

  function publish<T>(
    type: 'append' | 'relay',
    keys: AddressKeys,
    event: HubEvent,
    once?: Once,
  ): Promise<T> {
    return calls.make((call) => {
      if (link.pendingBytes > MAX_PENDING_BYTES) {
        throw new HubError('journal-unavailable', 'The journal is too slow. Try again.')
      }
      // In UTF-16, most texts take as many bytes as characters.
      const bytes = keysLength(keys) + event.data.length
      if (type === 'append') link.send([type, call, keys, event, once], bytes)
      else link.send([type, call, keys, event], bytes)
    })
  }

  function receiveEvent(
    ...[keys, sequence, received, after]: Parameters<FromHolder['event']>
  ): void {
    const frame = ownFrame(received)
    if (sequence === undefined) {
      handler.deliver({ keys, frame, after })
      return
    }
    head = positionOf(epoch, sequence)
    try {
      handler.deliver({ keys, frame, entry: { frame, ...head } })
    } catch (error) {
      head = positionOf(epoch, sequence - 1)
      handler.missed((key) => [keys].flat().includes(key))
      head = positionOf(epoch, sequence)
      throw error
    }
  }

  function respond(request: number | undefined, body: unknown, remainingMs: number): void {
    let response: unknown
    try {
      response = handler.respond(body, remainingMs)
    } finally {
      if (request !== undefined)
        link.send(['respond', request, response], JSON.stringify(response)?.length ?? 0)
    }
  }

  function moveTo(sequence: number, sizes: Sizes): void {
    head = positionOf(epoch, sequence)
    setSizes(sizes)
  }

  function setSizes([events, bytes, retained = NOTHING]: Sizes): void {
    stats = { events, bytes, maxBytes, retained }
  }

  function follow(init: OnlineClientsInit): OnlineClients {
    const { graceMs, isConnected, clients } = init
    hooks = init.hooks
    link.send(['follow', graceMs])
    for (const client of clients()) update(client)
    return { update, close }

    function update(client: string): void {
      link.send(['client', client, isConnected(client)], client.length)
    }

    async function close(): Promise<void> {
      // Without the holder, this process ends, too.
      await calls.make((call) => link.send(['unfollow', call])).catch(onError)
    }
  }
}
