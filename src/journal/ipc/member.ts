/** A member: one of the processes that share a journal, as its holder sees it. */
import type { Clock } from '../../core/clock.ts'
import type { DeliveredEvent } from '../journal.ts'
import { createLink, type LinkMessage } from './link.ts'
import { type FromHolder, keysLength, type MessageOf, type Sizes } from './messages.ts'

/** How a holder reaches a process. */
export interface HolderPort {
  /** Sends a message, which any structured clone can carry. Messages arrive in order. */
  post(message: LinkMessage): void
}

/** What a member needs of the holder. */
export interface MemberInit {
  readonly clock: Pick<Clock, 'soon'>
  readonly port: HolderPort
  receive(message: unknown): void
  onError(error: unknown): void
  /** Called when a member that was behind receives everything again. */
  onRecovered(member: Member): void
  /** The sequence of the newest event. */
  head(): number
}

/** A process that shares the journal. */
export interface Member {
  /** Its name; empty until it has said hello. */
  instance: string
  /** The keys that its hub listens to. */
  readonly keys: Set<string>
  /** Whether events wait until it has received what was sent before. */
  readonly isBehind: boolean
  onMessage(message: LinkMessage): void
  send(message: MessageOf<FromHolder>, bytes?: number): void
  deliver(event: DeliveredEvent): void
  /** Makes it call a hook, which another member repeats if it is lost. */
  report(client: string, isOnline: boolean, at: number): void
  /** The reports that may be lost. */
  readonly lostReports: readonly OnlineReport[]
  /** Called once a second: sends how far the journal is. */
  tick(sizes: Sizes, instances: number): void
}

/** A hook to call: a client is online or offline. */
export interface OnlineReport {
  readonly client: string
  readonly isOnline: boolean
  /** When that was, in milliseconds since 1970. */
  readonly at: number
}

/** Bytes that wait for a process. Beyond them, events are not sent: its hub reads them once it responds again. */
const MAX_PENDING_BYTES = 16_777_216

/** Addresses whose missed events are remembered one by one. */
const MAX_MISSED_KEYS = 10_000

/** Creates a member. */
export function createMember(init: MemberInit): Member {
  const { clock, port, receive, onError, onRecovered, head } = init
  const keys = new Set<string>()
  const link = createLink<MessageOf<FromHolder>>({
    clock,
    post: port.post,
    receive,
    onError,
    onConfirmed,
  })
  /** The keys of events that were not sent; empty for any. Undefined if all were sent. */
  let missed: Set<string> | undefined
  let missedAny = false
  let reports: (OnlineReport & { readonly mark: number })[] = []
  let lastTick = ''
  const member: Member = {
    instance: '',
    keys,
    get isBehind() {
      return missed !== undefined
    },
    onMessage: link.onMessage,
    send: link.send,
    deliver,
    report,
    get lostReports() {
      return unconfirmedReports()
    },
    tick,
  }
  return member

  function deliver({ keys, frame, entry, after }: DeliveredEvent): void {
    if (missed === undefined && link.pendingBytes <= MAX_PENDING_BYTES) {
      const bytes = keysLength(keys) + frame.byteLength
      link.send(['event', keys, entry?.sequence, frame, after], bytes)
      return
    }
    missed ??= new Set()
    if (!entry) return
    for (const key of [keys].flat()) {
      if (missed.size < MAX_MISSED_KEYS) missed.add(key)
      else missedAny = true
    }
  }

  function onConfirmed(): void {
    if (missed === undefined || link.pendingBytes > MAX_PENDING_BYTES / 4) return
    link.send(['missed', head(), missedAny ? undefined : [...missed]])
    missed = undefined
    missedAny = false
    onRecovered(member)
  }

  function report(client: string, isOnline: boolean, at: number): void {
    reports.push({ client, isOnline, at, mark: link.mark })
    link.send(['online', client, isOnline, at], client.length)
  }

  function unconfirmedReports() {
    return reports.filter(({ mark }) => mark > link.confirmed)
  }

  function tick(sizes: Sizes, instances: number): void {
    reports = unconfirmedReports()
    link.probe()
    const text = [head(), ...sizes, instances].join()
    if (missed || text === lastTick) return
    lastTick = text
    link.send(['head', head(), sizes, instances])
  }
}
