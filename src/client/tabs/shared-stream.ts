/** One stream for all tabs: the tab that holds the lock reads it, the others follow on a channel. */
import { newBackoff } from '../backoff.ts'
import type { FetchStream } from '../fetch-stream.ts'
import type { ClientStatus } from '../stream-types.ts'
import type { SuspendableStream } from '../suspendable-stream.ts'
import { createCensus, includesAll, unionOf } from './census.ts'
import { readChain } from './chain-reader.ts'
import { hasReached, isKnown, isNext } from './cursor-order.ts'
import { watchLeader } from './leader-watch.ts'
import type { SharedStreamInit } from './shared-stream-init.ts'
import { joinChannel, type TabChannel } from './tab-channel.ts'
import { createTabLock } from './tab-lock.ts'
import type { ChainMessage, LeaderMessage, StateMessage } from './tab-messages.ts'

/** Messages that a tab holds while it reads what it missed by itself. If there are more, it reads those, too. */
const MAX_HELD = 100

/** Failures in a row after which another tab tries: this one's network may be dead. */
const MAX_FAILURES = 3

/**
 * Shares a stream. A tab is in one of three states: it leads, it follows, or it reads a stream of its
 * own until it has caught up with the shared one. Each keeps its own cursor, drops what it has, and
 * notices what it lacks, so that every tab gets every event once, whoever leads.
 */
export function shareStream(init: SharedStreamInit): SuspendableStream {
  const { name, sharing, clock, random, open, handlers } = init
  const topics = [...new Set(init.topics)]
  const me = `${clock.now().toString(36)}-${random().toString(36).slice(2)}`
  const lock = createTabLock(name, sharing.locks, { onHeld: lead, onStolen: join, onDenied })
  const census = createCensus(clock, topics, () => streamTopics, openShared)
  let channel: TabChannel | undefined
  let watch: ReturnType<typeof watchLeader> | undefined
  let role: 'joining' | 'leading' | 'following' | 'catching-up' | 'stopped' = 'stopped'
  let cursor = init.lastEventId
  /** Whether the cursor is that of a tab whose stream is not live: what is missing then is no gap of this tab. */
  let isFresh = false
  let own: FetchStream | undefined
  /** The topics, the cursor, the status and the backoff of the shared stream. */
  let streamTopics: readonly string[] = []
  let streamCursor: string | undefined
  let status: ClientStatus = { state: 'connecting' }
  const backoff = newBackoff()
  let held: ChainMessage[] = []
  /** Of a leader: whether others follow, and whether the topics of others were refused. */
  let hasFollowers = false
  let isNarrow = false
  start()
  return { wake: () => wake(true), close: stop, suspend: stop, resume: () => channel ?? start() }

  function start(): void {
    const onNewLeader = sayHello
    channel = joinChannel(sharing.open(name), me, {
      onHello,
      onLeader,
      onNewLeader,
      onDeposed: join,
    })
    watch = watchLeader({
      clock,
      random,
      onQuiet: sayHello,
      onDead: () => role === 'leading' || lock.steal(),
    })
    join()
  }

  function stop(): void {
    role = 'stopped'
    closeOwn()
    watch?.stop()
    lock.release()
    channel?.close()
    channel = undefined
  }

  function onDenied(): void {
    stop()
    init.onDenied()
  }

  /** Wakes this tab's stream and, unless this tab leads, the leader's. */
  function wake(isNews: boolean): void {
    if (isNews) backoff.failures = 0
    own?.wake(isNews)
    sayHello(isNews)
  }

  /** Waits for the lock, and meanwhile for a leader. */
  function join(): void {
    closeOwn()
    role = 'joining'
    sayHello()
    lock.request()
  }

  function lead(): void {
    channel?.lead()
    isNarrow = false
    // After failures, the topics of others may be the reason.
    openShared(backoff.failures < MAX_FAILURES ? unionOf(topics, [streamTopics], []) : topics)
  }

  /** Opens the shared stream. Tabs with topics that it lacks read streams of their own. */
  function openShared(next: readonly string[]): void {
    let hasWaited = false
    hasFollowers = false
    role = 'leading'
    streamTopics = next
    read(next, publish, (now) => {
      if (now.state === 'ended' && now.reason !== 'blocked') {
        // Not reported to the other tabs: they have credentials of their own.
        if (isNarrow || includesAll(topics, next)) showStatus(now)
        else {
          isNarrow = true
          openShared(topics)
        }
        return
      }
      status = now
      sayState()
      showStatus(now)
      if (now.state === 'waiting') hasWaited = true
      else if (hasWaited && hasFollowers && backoff.failures >= MAX_FAILURES) join()
    })
  }

  function publish(message: ChainMessage): void {
    channel?.say(message)
    apply(message)
  }

  function onHello(others: readonly string[], isAwake: boolean): void {
    if (role !== 'leading') return
    hasFollowers = true
    wake(isAwake)
    sayState(!isNarrow && census.add(others))
  }

  function onLeader(message: LeaderMessage): void {
    watch?.heard()
    message.type === 'state' ? onState(message) : onChain(message)
  }

  function onState(state: StateMessage): void {
    streamTopics = state.topics
    streamCursor = state.cursor
    status = state.status
    Object.assign(backoff, state.backoff)
    if (state.asks) sayHello()
    if (role === 'joining') {
      if (cursor === undefined && streamCursor !== undefined) {
        moveTo(streamCursor)
        isFresh = status.state !== 'live'
      }
      role = 'following'
    }
    // What was held lacks events that this tab follows.
    if (!isCovered()) held = []
    if (role === 'catching-up') joinIfCaughtUp()
    else if (!isCovered() || !hasReached(cursor, streamCursor)) catchUp()
    if (role === 'following') showStatus(status)
  }

  function onChain(message: ChainMessage): void {
    streamCursor = message.id ?? streamCursor
    if (isKnown(cursor, message)) return
    if (role === 'following' && !isNext(cursor, message)) catchUp()
    if (role === 'following') apply(message)
    // Ephemeral events are not held: the stream of this tab's own brings them.
    else if (role === 'catching-up' && isCovered() && message.id !== undefined) {
      if (held.length === MAX_HELD) held = []
      held.push(message)
    }
  }

  /** Reads by itself what this tab missed, or what the shared stream does not carry. */
  function catchUp(): void {
    role = 'catching-up'
    held = []
    if (status.state === 'live') isFresh = false
    const onMessage = (message: ChainMessage) => {
      apply(message)
      if (message.id !== undefined) joinIfCaughtUp()
    }
    read(topics, onMessage, showStatus)
  }

  function joinIfCaughtUp(): void {
    while (held[0] && isKnown(cursor, held[0])) held.shift()
    if (role !== 'catching-up' || !isCovered()) return
    // What is held may be of an earlier epoch.
    if (hasReached(cursor, streamCursor)) held = []
    else if (!held[0] || !isNext(cursor, held[0])) return
    closeOwn()
    role = 'following'
    showStatus(status)
    for (const message of held.splice(0)) onChain(message)
  }

  function read(
    from: readonly string[],
    onMessage: (message: ChainMessage) => void,
    onStatus: (status: ClientStatus) => void,
  ): void {
    closeOwn()
    own = readChain({ open, topics: from, backoff, cursor: () => cursor, onMessage, onStatus })
  }

  function isCovered(): boolean {
    return includesAll(streamTopics, topics)
  }

  function apply({ id, event, gap }: ChainMessage): void {
    if (gap && !isFresh) handlers.gap(gap)
    // The shared stream carries the topics of all tabs.
    if (event && (event.topic === undefined || topics.includes(event.topic))) handlers.event(event)
    if (id !== undefined) moveTo(id)
  }

  function moveTo(id: string): void {
    isFresh = false
    cursor = id
    handlers.cursor(id)
  }

  function showStatus(next: ClientStatus): void {
    if (next.state === 'ended') stop()
    if (next.state === 'live' && next.resume !== 'gap') isFresh = false
    handlers.status(next)
  }

  function closeOwn(): void {
    own?.close()
    own = undefined
    census.stop()
  }

  function sayHello(isAwake = false): void {
    if (role !== 'leading') channel?.say({ type: 'hello', topics, wake: isAwake })
  }

  function sayState(asks = false): void {
    channel?.say({ type: 'state', cursor, topics: streamTopics, status, backoff, asks })
  }
}
