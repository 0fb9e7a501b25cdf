/** The streams of a page: components whose options name one stream share it, with the topics of all of them. */
import { MAX_TOPICS } from '../../core/address.ts'
import { basicClock } from '../../core/clock.ts'
import { follows } from '../../core/patterns/topic-pattern.ts'
import { openClientStream } from '../client-stream.ts'
import { checkClientOptions } from '../options/check-client-options.ts'
import type { ClientStatus, EndedReason } from '../stream-types.ts'
import { coversAll, includesAll } from '../tabs/census.ts'
import { isPartial } from '../tabs/cursor-order.ts'
import {
  areSame,
  hasEnded,
  isNew,
  type PageListener,
  type PageMember,
  type PageStream,
  type PageStreamOptions,
  pageKeyOf,
  reportError,
  setStarted,
  startAt,
  topicsOf,
} from './page-stream.ts'

/** Milliseconds between two times that a stream reopens only for what is retained: rows of a long list mount one by one. */
const RETAINED_MS = 1_000

const REFUSALS: readonly EndedReason[] = ['refused', 'unauthorized']

const streams = new Map<string, Set<PageStream>>()

/**
 * Listens to the stream of a component until the returned function is called. The stream opens at the end of
 * the turn, with the topics of all components that have mounted, and reopens where it is for further topics.
 * @throws {TypeError} when the options can't be used
 */
export function listenOnPage(options: PageStreamOptions, listen: PageListener): () => void {
  checkClientOptions(options)
  const { topics = [], clock = basicClock } = options
  const key = pageKeyOf(options)
  const all = streams.get(key) ?? new Set()
  streams.set(key, all)
  const home = find(options) ?? makeRoom(all, options)
  const received = new Map<string, string>()
  const member: PageMember = { topics, listen, home, phase: 'waiting', received, stop: () => {} }
  join(member, all)
  return () => {
    member.stop()
    member.home.members.delete(member)
    // Not at once: StrictMode and a new page of a router mount again in the same turn.
    const stopClock = clock.every(0, () => {
      stopClock()
      for (const one of all) {
        if (one.members.size > 0) continue
        one.stream?.close()
        all.delete(one)
      }
      if (all.size === 0 && streams.get(key) === all) streams.delete(key)
    })
  }
}

/** The status of the stream of a component; undefined if it has none. */
export function statusOnPage(options: PageStreamOptions): ClientStatus | undefined {
  return find(options)?.stream?.status
}

/** The cursor of the stream of a component. */
export function cursorOnPage(options: PageStreamOptions): string | undefined {
  return find(options)?.stream?.cursor
}

/** From now on, the stream of a component uses the functions of these options. */
export function refreshOptions(options: PageStreamOptions): void {
  const home = find(options)
  if (home) home.options = options
}

/**
 * A component with the same topics decides, also if their stream has ended: it is replaced once nothing
 * listens, because what refused it may have changed.
 */
function find(options: PageStreamOptions): PageStream | undefined {
  const { topics = [] } = options
  const all = [...(streams.get(pageKeyOf(options)) ?? [])]
  const open = all.filter((home) => !hasEnded(home))
  return (
    all.find(({ members }) => [...members].some((member) => areSame(member.topics, topics))) ??
    open.find((home) => areSame(home.topics, topics)) ??
    open.find((home) => !home.isAlone && coversAll(home.topics, topics))
  )
}

/** Adds the topics to a stream that has room for them, or else to a new one. */
function makeRoom(all: Set<PageStream>, options: PageStreamOptions): PageStream {
  const { topics = [], lastEventId } = options
  for (const home of all) {
    if (home.isAlone || hasEnded(home)) continue
    const union = [...new Set([...topicsOf(home), ...topics])]
    if (union.length > MAX_TOPICS) continue
    home.topics = union
    openSoon(home, all)
    return home
  }
  return create(all, { options, topics, cursor: lastEventId, isAlone: false })
}

function create(
  all: Set<PageStream>,
  init: Pick<PageStream, 'options' | 'topics' | 'cursor' | 'isAlone'>,
): PageStream {
  const home: PageStream = {
    ...init,
    members: new Set(),
    stream: undefined,
    isDue: false,
    reopenedAt: Number.NEGATIVE_INFINITY,
    retains: false,
  }
  all.add(home)
  return home
}

/** Adds a component to its stream, which opens, or reopens if that is how it receives what is retained. */
function join(member: PageMember, all: Set<PageStream>): void {
  const { home } = member
  const { stream, options, retains } = home
  home.members.add(member)
  if (!stream) openSoon(home, all)
  // It listens to the stream that opens then.
  if (home.isDue) return
  attach(member)
  if (member.phase !== 'waiting') return
  if (!retains || hasEnded(home)) {
    member.phase = 'starting'
    return
  }
  const { clock = basicClock } = options
  const ms = home.reopenedAt + RETAINED_MS - clock.monotonic()
  if (ms <= 0) {
    reopen()
    return
  }
  const stopClock = clock.every(ms, () => {
    stopClock()
    reopen()
  })

  function reopen(): void {
    if (home.stream !== stream || !home.members.has(member)) return
    home.reopenedAt = clock.monotonic()
    openSoon(home, all)
  }
}

function openSoon(home: PageStream, all: Set<PageStream>): void {
  if (home.isDue) return
  home.isDue = true
  void Promise.resolve().then(() => {
    home.isDue = false
    const isComplete = !isPartial(home.stream?.cursor)
    for (const member of home.members) {
      if (isComplete && member.phase === 'starting') setStarted(member)
    }
    if (home.members.size > 0) open(home, all)
  })
}

/** Opens a stream; one that is open already goes on at its cursor, after what is retained at its further topics. */
function open(home: PageStream, all: Set<PageStream>): void {
  const { stream: old, options } = home
  const { ticket, headers } = options
  for (const member of home.members) member.stop()
  home.topics = topicsOf(home)
  const stream = openClientStream({
    ...options,
    events: undefined,
    topics: home.topics,
    lastEventId: startAt(old?.cursor) ?? home.cursor,
    ticket: ticket && (async (request) => await home.options.ticket?.(request)),
    headers: headers && (() => home.options.headers?.() ?? {}),
    onError: (error) => reportError(home, error),
  })
  home.stream = stream
  stream.onAny(({ retained }) => {
    if (retained) home.retains = true
  })
  // What the hub sends after a gap is new to all.
  stream.onGap(() => {
    for (const member of home.members) {
      if (member.phase === 'started') member.phase = 'starting'
    }
  })
  old?.close()
  stream.onStatus(() => {
    if (home.stream === stream && isRefusedForOthers(home)) split(home, all)
  })
  for (const member of home.members) {
    if (member.phase === 'waiting') member.phase = 'starting'
    attach(member)
  }
}

function attach(member: PageMember): void {
  const { home, topics, listen } = member
  const { stream } = home
  if (!stream) return
  const { topics: followed } = home
  member.stop = listen(stream, (event) => {
    const { topic } = event
    // A ticket may name topics that no component does: they are for all of them.
    const isMine = topic === undefined || follows(topics, topic) || !follows(followed, topic)
    return isMine && isNew(member, event)
  })
}

/** Whether the hub refused a component because of topics that it does not follow itself, for all that is known. */
function isRefusedForOthers({ stream, members, topics }: PageStream): boolean {
  const status = stream?.status
  if (status?.state !== 'ended' || !REFUSALS.includes(status.reason)) return false
  return [...members].some((member) => !includesAll(member.topics, topics))
}

/** Gives components with other topics streams of their own, so that only those end that the hub refuses. */
function split(home: PageStream, all: Set<PageStream>): void {
  all.delete(home)
  const { options, stream, members } = home
  const cursor = startAt(stream?.cursor) ?? home.cursor
  for (const member of members) {
    const { topics } = member
    member.stop()
    const isSame = (one: PageStream) => one.isAlone && areSame(one.topics, topics)
    member.home = [...all].find(isSame) ?? create(all, { options, topics, cursor, isAlone: true })
    join(member, all)
  }
  members.clear()
}
