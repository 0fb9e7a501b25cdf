/** One stream for all tabs: the tab that holds the lock reads it, the others follow on a channel. */

import { MAX_TOPICS } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'
import type { Channel, Locks } from '../browser.ts'
import type { FetchStream, FetchStreamHandlers, SuspendableStream } from '../fetch-stream.ts'
import type { ClientStatus } from '../stream-types.ts'
import { hasReached } from './cursor-order.ts'
import { watchLeader } from './leader-watch.ts'
import { joinChannel, type TabChannel } from './tab-channel.ts'
import { createTabLock } from './tab-lock.ts'
import type { ChainMessage, LeaderMessage } from './tab-messages.ts'

/** What sharing needs. */
export interface SharedStreamInit {
  /** Tabs with the same name share one stream. */
  readonly name: string
  readonly topics: readonly string[]
  readonly lastEventId: string | undefined
  readonly sharing: { open(name: string): Channel; readonly locks: Locks }
  readonly clock: Clock
  random(): number
  /** Opens a stream of this tab's own. */
  open(
    topics: readonly string[],
    cursor: string | undefined,
    handlers: FetchStreamHandlers,
  ): FetchStream
  readonly handlers: FetchStreamHandlers
}

/** Messages that a tab holds while it reads by itself what it missed. */
const MAX_HELD = 1_000

/** Milliseconds during which new topics are collected before the shared stream is opened with them. */
const REOPEN_MS = 100

/**
 * Shares a stream. A tab is in one of three states: it leads, it follows, or it reads a stream of its
 * own until it has caught up with the shared one. Each keeps its own cursor, drops what it has, and
 * notices what it lacks, so that every tab gets every event once, whoever leads.
 */
export function shareStream(init: SharedStreamInit): SuspendableStream {
  const { name, topics, sharing, clock, random, open, handlers } = init
  const me = `${clock.now().toString(36)}-${random().toString(36).slice(2)}`
  const allTopics = new Set(topics)
  const lock = createTabLock(name, sharing.locks, { onHeld: lead, onStolen: stepDown })
  let channel: TabChannel | undefined
  let watch: ReturnType<typeof watchLeader> | undefined
  let role: 'joining' | 'leading' | 'following' | 'catching-up' = 'joining'
  let cursor = init.lastEventId
  let own: FetchStream | undefined
  /** The topics, the cursor and the status of the shared stream. */
  let streamTopics: readonly string[] = []
  let streamCursor: string | undefined
  let status: ClientStatus = { state: 'connecting' }
  let held: ChainMessage[] = []
  let stopReopening = () => {}
  start()
  return { wake: () => own?.wake(), close: stop, suspend: stop, resume: () => channel ?? start() }

  function start(): void {
    role = 'joining'
    const hears = { hello: onHello, leader: onLeader, deposed: stepDown }
    channel = joinChannel(sharing.open(name), me, hears, sayHello)
    watch = watchLeader({
      clock,
      random,
      onQuiet: () => unlessLeading(sayHello),
      onDead: () => unlessLeading(lock.steal),
    })
    sayHello()
    lock.request()
  }

  function stop(): void {
    closeOwn()
    watch?.stop()
    lock.release()
    channel?.close()
    channel = undefined
  }

  function lead(): void {
    channel?.lead()
    openShared()
  }

  function stepDown(): void {
    closeOwn()
    role = 'joining'
    sayHello()
    lock.request()
  }

  /** Opens the shared stream with the topics of all tabs. If they are too many, other tabs read streams of their own. */
  function openShared(): void {
    closeOwn()
    role = 'leading'
    streamTopics = allTopics.size <= MAX_TOPICS ? [...allTopics] : topics
    own = open(streamTopics, cursor, {
      event: (event) => publish({ type: 'event', prev: cursor, id: event.id, event }),
      cursor: (id) => {
        if (id !== cursor) publish({ type: 'cursor', prev: cursor, id })
      },
      gap: (gap) => publish({ type: 'gap', prev: cursor, gap }),
      status: (next) => {
        status = next
        sayState()
        showStatus(next)
      },
    })
    sayState()
  }

  function publish(message: ChainMessage): void {
    channel?.say(message)
    apply(message)
  }

  function onHello(others: readonly string[]): void {
    for (const topic of others) allTopics.add(topic)
    if (role !== 'leading') return
    sayState()
    const isCovered = others.every((topic) => streamTopics.includes(topic))
    if (isCovered || allTopics.size > MAX_TOPICS) return
    // Several tabs that a browser restores have it reopened once.
    stopReopening()
    stopReopening = clock.every(REOPEN_MS, () => {
      stopReopening()
      if (role === 'leading') openShared()
    })
  }

  function onLeader(message: LeaderMessage): void {
    watch?.heard()
    if (message.type === 'state') onState(message)
    else onChain(message)
  }

  function onState(state: LeaderMessage & { readonly type: 'state' }): void {
    streamTopics = state.topics
    streamCursor = state.cursor
    for (const topic of streamTopics) allTopics.add(topic)
    if (role === 'joining') {
      cursor ??= streamCursor
      role = 'following'
    }
    if (role === 'catching-up') joinIfCaughtUp()
    else if (!isCovered() || !hasReached(cursor, streamCursor)) catchUp()
    if (role === 'following') showStatus(state.status)
  }

  function onChain(message: ChainMessage): void {
    streamCursor = message.id ?? streamCursor
    if (isKnown(message)) return
    if (role === 'following' && !hasReached(cursor, message.prev)) catchUp()
    if (role === 'catching-up') hold(message)
    if (role === 'following') apply(message)
  }

  /** Reads by itself what this tab missed, or what the shared stream does not carry. */
  function catchUp(): void {
    closeOwn()
    role = 'catching-up'
    held = []
    own = open(topics, cursor, {
      event: (event) => apply({ type: 'event', prev: cursor, id: event.id, event }),
      cursor: (id) => {
        cursor = id
        handlers.cursor(id)
        joinIfCaughtUp()
      },
      gap: handlers.gap,
      status: showStatus,
    })
  }

  /** Ephemeral events are not held: the stream of this tab's own brings them. */
  function hold(message: ChainMessage): void {
    if (message.type === 'event' && message.id === undefined) return
    if (held.length === MAX_HELD) held = []
    held.push(message)
  }

  function joinIfCaughtUp(): void {
    while (held[0] && isKnown(held[0])) held.shift()
    const [first] = held
    if (
      role !== 'catching-up' ||
      !isCovered() ||
      !hasReached(cursor, first ? first.prev : streamCursor)
    )
      return
    closeOwn()
    role = 'following'
    for (const message of held.splice(0)) onChain(message)
  }

  function isCovered(): boolean {
    return topics.every((topic) => streamTopics.includes(topic))
  }

  /** Whether this tab has a message already: a new leader started at an older cursor. */
  function isKnown({ id }: ChainMessage): boolean {
    return id !== undefined && hasReached(cursor, id)
  }

  function apply(message: ChainMessage): void {
    const { type, id } = message
    if (isKnown(message)) return
    if (type === 'event' && isFollowed(message.event.topic)) handlers.event(message.event)
    if (type === 'gap') handlers.gap(message.gap)
    if (id === undefined) return
    cursor = id
    handlers.cursor(id)
  }

  /** The shared stream carries the topics of all tabs. */
  function isFollowed(topic: string | undefined): boolean {
    return topic === undefined || topics.includes(topic)
  }

  function showStatus(next: ClientStatus): void {
    if (next.state === 'ended') stop()
    handlers.status(next)
  }

  function unlessLeading(work: () => void): void {
    if (role !== 'leading') work()
  }

  function closeOwn(): void {
    own?.close()
    own = undefined
    stopReopening()
  }

  function sayHello(): void {
    channel?.say({ type: 'hello', topics })
  }

  function sayState(): void {
    channel?.say({ type: 'state', cursor, topics: streamTopics, status })
  }
}
