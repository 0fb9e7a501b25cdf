/** One stream for all tabs: the tab that holds the lock reads it, the others follow on a channel. */
import { follows } from '../../core/patterns/topic-pattern.ts'
import { newBackoff } from '../backoff.ts'
import type { Sharing } from '../browser.ts'
import { type FetchStream, type FetchStreamOptions, openFetchStream } from '../fetch-stream.ts'
import type { ClientStatus, Step } from '../stream-types.ts'
import { coversAll, createCensus, type TopicLists, unionOf } from './census.ts'
import { hasReached, isKnown, isNext, isPartial } from './cursor-order.ts'
import { watchLeader } from './leader-watch.ts'
import { createTabLock } from './tab-lock.ts'
import { type HelloMessage, isHello, isLeaderMessage, type LeaderMessage } from './tab-messages.ts'

/** Failures in a row after which another tab tries: this one's network may be dead. */
const MAX_FAILURES = 3

/** Lists of topics that the hub may refuse to a leader, before it leaves other tabs to their own streams. */
const MAX_REFUSED = 10

/**
 * Opens a stream like `openFetchStream`, one for all tabs that pass the same name. A tab is in one of three
 * states: it leads, it follows, or it reads a stream of its own until it has caught up with the shared one.
 * Each keeps its own cursor, drops what it has, and notices what it lacks, so that every tab gets every event
 * once, whoever leads.
 */
export function shareStream(
  options: FetchStreamOptions,
  onStep: (step: Step) => void,
  onStatus: (status: ClientStatus) => void,
  sharing: Sharing,
  name: string,
): FetchStream {
  const { clock, random } = options
  const topics = [...new Set(options.topics)]
  let role: 'joining' | 'leading' | 'following' | 'catching-up' | 'closed' = 'joining'
  let cursor = options.lastEventId
  /** Whether the cursor is that of a tab whose stream is not live: what is missing then is no gap of this tab. */
  let isFresh = false
  let own: FetchStream | undefined
  /** The number of the leader. */
  let leader = 0
  /** The topics, the cursor, the status and the backoff of the shared stream. */
  let streamTopics: readonly string[] = []
  let streamCursor: string | undefined
  let status: ClientStatus = { state: 'connecting' }
  const backoff = newBackoff()
  /** Whether this tab, or another one as far as it knows, has received retained events, or may have begun after them. */
  let retains = !!cursor
  /** Of a leader: whether others follow, and which lists with topics of others the hub refused. */
  let hasFollowers = false
  let refused: TopicLists = []
  const channel = sharing.open(name)
  channel.onmessage = ({ data }) => {
    if (isHello(data)) onHello(data)
    else if (isLeaderMessage(data)) onLeader(data)
  }
  const lock = createTabLock(name, sharing.locks, lead, join, () => {
    // A tab that may not lead reads by itself.
    if (role !== 'catching-up') catchUp()
  })
  const watch = watchLeader(
    clock,
    random,
    () => sayHello(),
    () => {
      if (role !== 'leading') lock.claim(true)
    },
  )
  const census = createCensus(clock, (answers) => {
    const union = unionOf(topics, answers, streamTopics, refused)
    if (!coversAll(streamTopics, union)) openShared(union)
  })
  join()
  return { wake, close }

  function close(): void {
    role = 'closed'
    closeOwn()
    watch.stop()
    lock.release()
    channel.close()
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
    lock.claim()
  }

  function lead(): void {
    refused = []
    leader = Math.max(leader, clock.now() + random())
    // After failures, the topics of others may be the reason.
    openShared(
      backoff.failures < MAX_FAILURES
        ? unionOf(topics, [streamTopics], streamTopics, refused)
        : topics,
    )
    say({}, true)
  }

  /** Opens the shared stream. Tabs with topics that it lacks read streams of their own. */
  function openShared(next: readonly string[]): void {
    let hasWaited = false
    hasFollowers = false
    role = 'leading'
    streamTopics = next
    status = { state: 'connecting' }
    const publish = (step: Step) => {
      say(step)
      apply(step)
    }
    read(next, publish, (now) => {
      if (now.state === 'ended') {
        // Not reported to the other tabs: each asks the hub, with credentials of its own.
        if (now.reason === 'blocked' || coversAll(topics, next)) return showStatus(now)
        refused = [...refused, next]
        return openShared(topics)
      }
      status = now
      // The tab whose topics were refused has ended: the others may fit.
      say({}, now.state === 'live' && refused.length > 0)
      if (now.state === 'waiting') hasWaited = true
      else if (hasWaited && hasFollowers && backoff.failures >= MAX_FAILURES) join()
      showStatus(now)
    })
  }

  function onHello({ topics: others, wake: isAwake, retains: hasRetained }: HelloMessage): void {
    if (role !== 'leading') return
    retains ||= hasRetained
    hasFollowers = true
    wake(isAwake)
    const isNew = !coversAll(streamTopics, others) && refused.length < MAX_REFUSED
    say({}, census.add(others, isNew))
  }

  function onLeader(message: LeaderMessage): void {
    // What an earlier leader says when it wakes up is out of date.
    if (role === 'leading' || message.leader < leader) return
    watch.heard()
    leader = message.leader
    streamTopics = message.topics
    streamCursor = message.id ?? message.prev
    retains ||= message.retains
    status = message.status
    Object.assign(backoff, message.backoff)
    if (message.asks) sayHello()
    if (role === 'joining') {
      // A stream of its own starts with what is retained, also of topics that only this tab follows.
      if (isPartial(cursor) && (retains || !isCovered())) {
        catchUp()
        return
      }
      if (cursor === undefined && message.prev !== undefined) {
        apply({ id: message.prev })
        isFresh = status.state !== 'live'
      }
      role = 'following'
    }
    const isNew = !isKnown(cursor, message)
    if (role === 'catching-up') followIfCaughtUp()
    else if (!isCovered() || (isNew && !isNext(cursor, message))) catchUp()
    else {
      showStatus(status)
      if (isNew) apply(message)
    }
  }

  /** Reads by itself what this tab missed, or what the shared stream does not carry. */
  function catchUp(): void {
    role = 'catching-up'
    if (status.state === 'live') isFresh = false
    const follow = (step: Step) => {
      apply(step)
      if (step.id) followIfCaughtUp()
    }
    read(topics, follow, showStatus)
  }

  function followIfCaughtUp(): void {
    if (role !== 'catching-up' || !isCovered()) return
    if (isPartial(cursor) || !hasReached(cursor, streamCursor)) return
    closeOwn()
    role = 'following'
    showStatus(status)
  }

  function read(
    from: readonly string[],
    onOwnStep: (step: Step) => void,
    onOwnStatus: (status: ClientStatus) => void,
  ): void {
    closeOwn()
    const start = { ...options, topics: from, lastEventId: cursor }
    own = openFetchStream(start, onOwnStep, onOwnStatus, backoff)
  }

  function isCovered(): boolean {
    return coversAll(streamTopics, topics)
  }

  function apply({ id, event, gap }: Step): void {
    const topic = event?.topic
    // The shared stream carries the topics of all tabs. Those that none of them names are for all: the hub chose them.
    const isForOthers = topic && !follows(topics, topic) && follows(streamTopics, topic)
    if (event?.retained) retains = true
    onStep({ id, event: isForOthers ? undefined : event, gap: isFresh ? undefined : gap })
    if (!id) return
    isFresh = false
    cursor = id
  }

  function showStatus(next: ClientStatus): void {
    if (next.state === 'ended') close()
    if (next.state === 'live' && next.resume !== 'gap') isFresh = false
    onStatus(next)
  }

  function closeOwn(): void {
    own?.close()
    own = undefined
    census.stop()
  }

  function sayHello(isAwake = false): void {
    if (role !== 'leading') post({ topics, wake: isAwake, retains })
  }

  /** Of the leader: sends the state of the stream, and a step that starts at the cursor. */
  function say(step: Step, asks = false): void {
    post({ leader, topics: streamTopics, status, backoff, asks, retains, prev: cursor, ...step })
  }

  function post(message: HelloMessage | LeaderMessage): void {
    channel.postMessage(message)
  }
}
