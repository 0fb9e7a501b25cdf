/** Control requests: the holder sends each to all members, collects their responses, and stores those that later members need. */
import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { ControlResponses } from '../backplane.ts'
import type { Member } from './member.ts'

/** What control requests need of the holder. */
export interface HeldRequestsInit {
  readonly clock: Clock
  /** All members that have said hello. */
  members(): Iterable<Member>
  /** The maximum number of requests that are stored. @defaultValue `100_000` */
  readonly maxStored?: number
}

/** The control requests of all members. */
export interface HeldRequests {
  /** @throws {HubError} `at-capacity` if too many are stored */
  request(
    body: unknown,
    keepMs: number,
    until: 'answered' | undefined,
    respond: (responses: ControlResponses) => void,
  ): void
  onResponse(member: Member, number: number, body: unknown): void
  /** Sends a member what is stored: it is new, or was behind. */
  catchUp(member: Member): void
  /** Called when a member has ended. */
  left(member: Member): void
}

interface Pending {
  readonly waiting: Set<Member>
  readonly responses: unknown[]
  /** Intervals without a response since the last one. */
  silent: number
  finish(): void
}

interface Stored {
  readonly body: unknown
  readonly expiry: number
}

/** Milliseconds of an interval, and how many of them without any response end a request: a member may hang. */
const INTERVAL_MS = 500
const MAX_SILENT = 3

const FULL = 'Too many blocks and disconnects are stored. Try again later.'

/** Creates the control requests of a holder. */
export function createHeldRequests(init: HeldRequestsInit): HeldRequests {
  const { clock, members, maxStored = 100_000 } = init
  const pending = new Map<number, Pending>()
  /** By their JSON: a request that is stored again lasts longer. */
  const stored = new Map<string, Stored>()
  let count = 0
  return { request, onResponse, catchUp, left }

  function request(
    body: unknown,
    keepMs: number,
    until: 'answered' | undefined,
    respond: (responses: ControlResponses) => void,
  ): void {
    const name = JSON.stringify(body)
    if (keepMs > 0) store(name, { body, expiry: clock.monotonic() + keepMs }, until === undefined)
    count += 1
    const number = count
    const all = [...members()]
    const own: Pending = {
      // Those that are behind receive it with what is stored.
      waiting: new Set(all.filter(({ isBehind }) => !isBehind)),
      responses: [],
      silent: 0,
      finish,
    }
    pending.set(number, own)
    for (const member of own.waiting) member.send(['request', number, body, keepMs], name.length)
    const stop = clock.every(INTERVAL_MS, () => {
      own.silent += 1
      if (own.silent >= MAX_SILENT) finish()
    })
    if (own.waiting.size === 0) finish()

    function finish(): void {
      if (!pending.delete(number)) return
      stop()
      const responses = own.responses.filter((response) => response !== undefined)
      if (until && responses.length >= all.length) stored.delete(name)
      respond({ responses, asked: all.length })
    }
  }

  function store(name: string, request: Stored, mustKeep: boolean): void {
    if (stored.size >= maxStored && !stored.has(name)) expire()
    if (stored.size < maxStored || stored.has(name)) stored.set(name, request)
    // Otherwise, members that are here still act on it; only later ones do not receive it.
    else if (mustKeep) throw new HubError('at-capacity', FULL)
  }

  function expire(): void {
    const now = clock.monotonic()
    for (const [name, { expiry }] of stored) if (expiry <= now) stored.delete(name)
  }

  function onResponse(member: Member, number: number, body: unknown): void {
    const own = pending.get(number)
    if (!own?.waiting.delete(member)) return
    own.responses.push(body)
    own.silent = 0
    if (own.waiting.size === 0) own.finish()
  }

  function catchUp(member: Member): void {
    expire()
    const now = clock.monotonic()
    for (const [name, { body, expiry }] of stored) {
      member.send(['request', undefined, body, expiry - now], name.length)
    }
  }

  function left(member: Member): void {
    for (const own of [...pending.values()]) {
      if (own.waiting.delete(member) && own.waiting.size === 0) own.finish()
    }
  }
}
