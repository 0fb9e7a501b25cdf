/** One stream: the browser's own EventSource, and what a page must add to stay on it truthfully. */
import { ask, key, streamUrl, whyClosed } from './hub.ts'

/** Who listens, and to what. */
export interface Wanted {
  readonly client: string
  readonly topics: readonly string[]
  /** Names of events; an EventSource gives a page only those that it asks for. */
  readonly names: readonly string[]
}

/** The data of `hub:ready`. */
export interface Ready {
  readonly client: string
  readonly connection: string
  readonly topics: readonly string[]
  readonly resume: 'fresh' | 'complete' | 'gap'
}

/** Why events are lost: the hub has begun anew, or no longer keeps them. */
export type GapReason = 'epoch' | 'evicted'

/** How the stream stands. */
export type State =
  | { readonly is: 'left' }
  /** Asked for, without an answer yet; or for so long that something is in its way. */
  | { readonly is: 'connecting' | 'waiting' }
  | { readonly is: 'live'; readonly ready: Ready; readonly gap?: GapReason }
  /** It broke off, and the browser tries again by itself. */
  | { readonly is: 'lost' }
  /** The hub has ended it, and the browser comes back by itself. */
  | { readonly is: 'bye'; readonly reason: string }
  /** The browser has given up. */
  | { readonly is: 'closed'; readonly why: string }

/** A stream that is wanted until it is left. */
export interface Listening {
  /** Asks for events of one more name. */
  also(name: string): void
  leave(): void
}

/** What hears of a stream. */
export interface Listener {
  state(state: State): void
  event(event: MessageEvent<string>): void
}

/** Events that every stream asks for: those without a name, the demo clock's, and the hub's own. */
const NAMES = ['message', 'time', 'hub:ready', 'hub:gap', 'hub:beat', 'hub:bye']

/** What an EventSource calls its own events: no hub sends any of these names. */
const RESERVED = ['error', 'open']

/** Silence is broken at least so often, until `hub:beat` tells how often it is. */
const BEAT_MS = 15_000

/** So many heartbeats that don't come mean that the line is dead, whatever the browser thinks. */
const BEATS_MISSED = 3

/** Milliseconds after which a first answer is late. */
const LATE_MS = 4_000

/** Milliseconds before another ticket is asked for. */
const AGAIN_MS = 2_000

/** Listens until it is left, through lost lines, restarts of the hub and grants that end. */
export function listen({ client, topics, names }: Wanted, listener: Listener): Listening {
  const wanted = new Set([...NAMES, ...names].filter(isForPages))
  let source: EventSource | undefined
  let state: State = { is: 'left' }
  /** The id of the latest event: where to go on. */
  let cursor = ''
  let beatMs = BEAT_MS
  /** When something was last heard on this line, or asked for. */
  let heardAt = Date.now()
  let wasLive = false
  let saidGoodbye = false
  let over = false
  const watch = setInterval(look, 1_000)
  void open()
  return { also, leave: () => end({ is: 'left' }) }

  async function open(): Promise<void> {
    become({ is: wasLive ? 'lost' : 'connecting' })
    wasLive = false
    const url = await urlOrNone()
    if (over) return
    if (url === undefined) return void setTimeout(reopen, AGAIN_MS)
    heardAt = Date.now()
    source = new EventSource(url)
    for (const name of wanted) source.addEventListener(name, hear)
    source.onerror = () => (source?.readyState === EventSource.CLOSED ? void stop(url) : lose())
  }

  /** Opens another, which goes on where this one stopped. */
  function reopen(): void {
    if (over) return
    source?.close()
    void open()
  }

  /**
   * An EventSource can't send the key, which must not stand in a URL either: a ticket opens one
   * stream, and the cookie that comes with it opens those by which the browser reconnects.
   */
  async function urlOrNone(): Promise<string | undefined> {
    const query = new URLSearchParams({ lastEventId: cursor })
    const answer = key.get() ? await ask('POST', '/tickets', { client, topics }) : undefined
    if (answer?.ok) {
      query.set('ticket', (JSON.parse(answer.text) as { ticket: string }).ticket)
      return streamUrl(query)
    }
    // 404: a hub without keys has no tickets.
    if (!answer || answer.status === 404) {
      query.set('id', client)
      for (const topic of topics) query.append('topic', topic)
      return streamUrl(query)
    }
    const isForNow = answer.status === 0 || answer.status === 503
    if (!isForNow && !over) end({ is: 'closed', why: answer.problem })
    return undefined
  }

  function hear(event: MessageEvent<string>): void {
    heardAt = Date.now()
    cursor = event.lastEventId || cursor
    if (event.type.startsWith('hub:')) obey(event)
    listener.event(event)
  }

  /** What the hub says of the stream itself. */
  function obey({ type, data }: MessageEvent<string>): void {
    if (type === 'hub:beat') beatMs = Number(data) * 1_000
    if (type === 'hub:ready') {
      wasLive = true
      saidGoodbye = false
      become({ is: 'live', ready: JSON.parse(data) as Ready })
    }
    if (type === 'hub:gap' && state.is === 'live') {
      const { reason } = JSON.parse(data) as { reason: GapReason }
      become({ ...state, gap: reason })
    }
    if (type === 'hub:bye') {
      const { reason } = JSON.parse(data) as { reason: string }
      saidGoodbye = true
      become({ is: 'bye', reason })
    }
  }

  /** The stream is over, or could not be had, and the browser tries again by itself. */
  function lose(): void {
    heardAt = Date.now()
    if (!saidGoodbye) become({ is: 'lost' })
    saidGoodbye = false
  }

  /** The browser has given up. */
  async function stop(url: string): Promise<void> {
    // A grant has ended, most likely: whoever has the key gets another.
    if (wasLive && key.get()) return reopen()
    const why = await whyClosed(url)
    if (!over) end({ is: 'closed', why })
  }

  /** The watchdog: a laptop that slept, or a line that died, may look open to the browser. */
  function look(): void {
    const quietMs = Date.now() - heardAt
    if (state.is === 'connecting' && quietMs > LATE_MS) become({ is: 'waiting' })
    const isDead = quietMs > BEATS_MISSED * beatMs
    if (!isDead || source?.readyState !== EventSource.OPEN) return
    // No heartbeat may be due yet, where the hub's are rare: next time more patience is shown.
    beatMs *= 2
    reopen()
  }

  function also(name: string): void {
    if (!isForPages(name)) return
    wanted.add(name)
    // Asked for twice, it is heard once all the same.
    source?.addEventListener(name, hear)
  }

  function end(last: State): void {
    over = true
    clearInterval(watch)
    source?.close()
    become(last)
  }

  function become(next: State): void {
    state = next
    listener.state(next)
  }
}

function isForPages(name: string): boolean {
  return !RESERVED.includes(name)
}
