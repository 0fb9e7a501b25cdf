/** The holder: keeps a journal in one process and lets others share it, each through a port. */
import { type AddressKeys, EVERYONE } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'
import { epochOf } from '../../core/cursor.ts'
import { isHubError } from '../../core/errors.ts'
import { encodeFrame, type HubEvent } from '../../core/event.ts'
import { createExpiringSet } from '../../core/expiring-set.ts'
import type { ControlResponses } from '../backplane.ts'
import type { Awaitable, DeliveredEvent, Journal, ReplayBatch, RetainedBatch } from '../journal.ts'
import { createHeldPresence } from './held-presence.ts'
import { createHeldRequests } from './held-requests.ts'
import type { LinkMessage } from './link.ts'
import { createMember, type HolderPort, type Member } from './member.ts'
import { perform, type Sizes, type ToHolder } from './messages.ts'

/** What a holder needs. */
export interface HolderInit {
  /** The journal of a single hub, such as one in memory. The holder opens it. */
  readonly journal: Journal
  readonly clock: Clock
  /** Called with what fails although the holder continues. */
  onError(error: unknown): void
}

/** The end of a port at the holder. */
export interface HolderEnd {
  /** Must be called with each message that arrives, in order. */
  onMessage(message: LinkMessage): void
  /** Must be called when the process has ended. */
  close(): void
}

/** Holds a journal for other processes. */
export interface Holder {
  /** Lets another process share the journal. */
  connect(port: HolderPort): HolderEnd
  /** Delivers an event to all that listen to a key, or to any of several, without storing it. */
  relay(keys: AddressKeys, event: HubEvent): void
  /** Closes the journal, after all processes have ended. */
  close(): Awaitable<void>
}

/** Milliseconds between two looks at the members. */
const TICK_MS = 1_000

/** Opens a journal and holds it. It holds a timer while it has members. */
export function createHolder({ journal, clock, onError }: HolderInit): Holder {
  const members = new Set<Member>()
  /** The members that listen to each key, and how many connections of theirs do. */
  const listeners = new Map<string, Map<Member, number>>()
  const used = createExpiringSet(clock)
  const requests = createHeldRequests({ clock, members: joined })
  const presence = createHeldPresence(clock)
  let stopTicks: (() => void) | undefined
  journal.open({ deliver, missed: () => {}, respond: () => undefined })
  return { connect, relay, close: () => journal.close() }

  function connect(port: HolderPort): HolderEnd {
    let calls: ToHolder
    const member = createMember({
      clock,
      port,
      receive: (message) => perform(calls, message),
      onError,
      onRecovered: requests.catchUp,
      head: () => journal.head().sequence,
    })
    calls = callsOf(member)
    members.add(member)
    stopTicks ??= clock.every(TICK_MS, tick)
    return { onMessage: member.onMessage, close: () => leave(member) }
  }

  function leave(member: Member): void {
    if (!members.delete(member)) return
    for (const key of member.keys) unlisten(member, key)
    requests.left(member)
    presence.left(member)
    if (members.size > 0) return
    stopTicks?.()
    stopTicks = undefined
  }

  function* joined(): Iterable<Member> {
    for (const member of members) if (member.instance !== '') yield member
  }

  function tick(): void {
    const sizes = sizesNow()
    for (const member of joined()) member.tick(sizes, members.size)
  }

  function sizesNow(): Sizes {
    const { events = 0, bytes = 0, retained } = journal.stats ?? {}
    const hasRetained = retained?.events || retained?.evicted
    return hasRetained ? [events, bytes, retained] : [events, bytes]
  }

  function deliver(event: DeliveredEvent): void {
    const { keys } = event
    if (typeof keys === 'string') {
      for (const member of listeners.get(keys)?.keys() ?? []) member.deliver(event)
      return
    }
    for (const member of members) {
      const own = keys.filter((key) => member.keys.has(key))
      if (own.length > 0) member.deliver({ ...event, keys: own })
    }
  }

  function relay(keys: AddressKeys, event: HubEvent): void {
    deliver({ keys, frame: encodeFrame(event), after: journal.head().sequence })
  }

  function callsOf(member: Member): ToHolder {
    const { send } = member
    return {
      hello: (instance) => welcome(member, instance),
      listen: (key) => listen(member, key),
      count: (key, connections) => listen(member, key, connections),
      leave: (key) => unlisten(member, key),
      append: (call, keys, event, init) => {
        const count = connectionsAt(keys)
        const once = init && { ...init, connections: count }
        settle(
          member,
          call,
          () => journal.append(keys, event, once),
          ({ sequence, connections = count, repeated = false }) => {
            send(['stored', call, sequence, connections, sizesNow(), repeated])
          },
        )
      },
      relay: (call, keys, event) => {
        relay(keys, event)
        send(['relayed', call, connectionsAt(keys)])
      },
      read: (call, keys, cursor, maxBytes) => {
        settle(
          member,
          call,
          () => journal.read(keys, cursor, maxBytes),
          (batch) => {
            send(['batch', call, batch], sizeOf(batch))
          },
        )
      },
      retained: (call, keys, after, maxBytes) => {
        settle(
          member,
          call,
          () => journal.retained?.(keys, after, maxBytes) ?? { entries: [], done: true },
          (batch) => {
            send(['batch', call, batch], sizeOf(batch))
          },
        )
      },
      useOnce: (call, name, ttlMs) => {
        settle(
          member,
          call,
          () => useOnce(name, ttlMs),
          (isFirst) => send(['used', call, isFirst]),
        )
      },
      request: (call, body, keepMs, until) => {
        const respond = (responses: ControlResponses) => {
          send(['responses', call, responses], JSON.stringify(responses).length)
        }
        settle(member, call, () => requests.request(body, keepMs, until, respond))
      },
      respond: (request, body) => requests.onResponse(member, request, body),
      follow: (graceMs) => presence.follow(member, graceMs),
      client: (client, isConnected) => presence.update(member, client, isConnected),
      unfollow: (call) => {
        presence.unfollow(member)
        send(['unfollowed', call])
      },
    }
  }

  /** Answers a call, at once if possible: what is delivered later must arrive later. */
  function settle<T>(
    member: Member,
    call: number,
    work: () => Awaitable<T>,
    respond: (value: T) => void = () => {},
  ): void {
    try {
      const result = work()
      if (result instanceof Promise)
        result.then(respond).catch((error) => fail(member, call, error))
      else respond(result)
    } catch (error) {
      fail(member, call, error)
    }
  }

  function fail(member: Member, call: number, error: unknown): void {
    if (!isHubError(error)) onError(error)
    const code = isHubError(error) ? error.code : 'journal-unavailable'
    const text = error instanceof Error ? error.message : String(error)
    member.send(['failed', call, code, text])
  }

  function welcome(member: Member, instance: string): void {
    member.instance = instance
    const head = journal.head()
    member.send(['welcome', epochOf(head), head.sequence, sizesNow()])
    requests.catchUp(member)
    member.send(['ready'])
  }

  function listen(member: Member, key: string, connections = 0): void {
    member.keys.add(key)
    const at = listeners.get(key)
    if (at) at.set(member, connections)
    else listeners.set(key, new Map([[member, connections]]))
  }

  function unlisten(member: Member, key: string): void {
    member.keys.delete(key)
    const at = listeners.get(key)
    if (at?.delete(member) && at.size === 0) listeners.delete(key)
  }

  /** How many connections listen to a key; to several, at most: some may listen to more than one of them. */
  function connectionsAt(keys: AddressKeys): number {
    let sum = 0
    for (const key of [keys].flat()) {
      for (const connections of listeners.get(key)?.values() ?? []) sum += connections
    }
    return typeof keys === 'string' ? sum : Math.min(sum, connectionsAt(EVERYONE))
  }

  function useOnce(name: string, ttlMs: number): boolean {
    if (used.has(name)) return false
    used.add(name, ttlMs)
    return true
  }
}

function sizeOf({ entries, retained }: Partial<ReplayBatch> & RetainedBatch): number {
  const all = [...entries, ...(retained?.entries ?? [])]
  return all.reduce((sum, { frame }) => sum + frame.byteLength, 0)
}
