/** Control requests: one hub sends a request to all hubs and collects their responses. */
import type { Clock } from '../../../core/clock.ts'
import { HubError } from '../../../core/errors.ts'
import type { ControlResponses } from '../../backplane.ts'
import type { JournalHandler } from '../../journal.ts'
import { CONTROL_REQUEST } from '../scripts/control.ts'
import type { Script } from '../scripts/script.ts'
import type { Members } from './members.ts'
import type { StoredRequest } from './stored-requests.ts'

/** What control requests need of the journal. */
export interface ControlRequestsInit {
  readonly clock: Clock
  /** The channel of all hubs. */
  readonly allInstances: string
  /** The channel on which this hub receives responses. */
  readonly inbox: string
  readonly members: Members
  /** Runs a script of the journal. @throws {HubError} `journal-unavailable` */
  call(script: Script, args: readonly string[]): Promise<unknown>
  /** Publishes a message on a channel. @throws {HubError} `journal-unavailable` */
  publish(channel: string, message: string): Promise<number>
}

/** Sends control requests and responds to those of other hubs. */
export interface ControlRequests {
  request(body: unknown, keepMs: number, until?: 'answered'): Promise<ControlResponses>
  /** Called with each response. */
  onResponse(message: string): void
  /** Called with each request from any hub. `respond` returns the response of this one. */
  onRequest(message: string, respond: Respond): void
  /** Called with each request that was stored before this hub connected. @throws if its version does not know the request */
  onStored(stored: StoredRequest, respond: Respond): void
}

type Respond = JournalHandler['respond']

interface PendingRequest {
  readonly responses: unknown[]
  expected: number
  /** Intervals without a response since the last one. */
  silent: number
  finish: () => void
}

interface RequestMessage {
  readonly inbox: string
  readonly number: number
  readonly body: unknown
  readonly keepMs: number
}

interface ResponseMessage {
  readonly number: number
  readonly body?: unknown
}

/**
 * Milliseconds of an interval, and how many of them without any response end a request: a hub that crashed
 * still counts as a subscriber for a while. They are counted, not timed: this process may have stood
 * still while responses arrived.
 */
const INTERVAL_MS = 500
const MAX_SILENT = 3

const FULL = 'Redis stores too many blocks and disconnects. Try again later.'

/** Creates the control requests of one hub. */
export function createControlRequests({
  clock,
  allInstances,
  inbox,
  members,
  call,
  publish,
}: ControlRequestsInit): ControlRequests {
  const pending = new Map<number, PendingRequest>()
  let count = 0
  return { request, onResponse, onRequest, onStored }

  async function request(
    body: unknown,
    keepMs: number,
    until?: 'answered',
  ): Promise<ControlResponses> {
    const text = JSON.stringify(body)
    const [{ alive, seen }, { responses, receivers }] = await Promise.all([
      members.count(keepMs),
      exchange(body, text, keepMs, until === undefined),
    ])
    const bodies = responses.filter((response) => response !== undefined)
    if (until && bodies.length >= Math.max(seen, receivers)) members.forget(text)
    return { responses: bodies, asked: Math.max(alive, receivers) }
  }

  async function exchange(body: unknown, text: string, keepMs: number, mustKeep: boolean) {
    count += 1
    const number = count
    const own: PendingRequest = {
      responses: [],
      expected: Number.POSITIVE_INFINITY,
      silent: 0,
      finish: () => {},
    }
    const finished = new Promise<void>((resolve) => {
      own.finish = resolve
    })
    pending.set(number, own)
    const message: RequestMessage = { inbox, number, body, keepMs }
    let stop = () => {}
    try {
      const send = async (ms: number) =>
        Number(
          await call(CONTROL_REQUEST, [allInstances, JSON.stringify(message), text, String(ms)]),
        )
      let expected = await send(Math.ceil(keepMs))
      if (expected < 0 && mustKeep) throw new HubError('at-capacity', FULL)
      // Hubs that are connected now still act on it; only those that connect later do not receive it.
      if (expected < 0) expected = await send(0)
      own.expected = expected
      own.silent = 0
      stop = clock.every(INTERVAL_MS, () => {
        own.silent += 1
        if (own.silent >= MAX_SILENT) own.finish()
      })
      finishIfComplete(own)
      await finished
      return { responses: own.responses, receivers: expected }
    } finally {
      stop()
      pending.delete(number)
    }
  }

  function onResponse(message: string): void {
    const { number, body } = parse(message)
    const own = pending.get(number)
    if (!own) return
    own.responses.push(body)
    own.silent = 0
    finishIfComplete(own)
  }

  function finishIfComplete({ responses, expected, finish }: PendingRequest): void {
    if (responses.length >= expected) finish()
  }

  function onStored({ text, remainingMs }: StoredRequest, respond: Respond): void {
    if (respond(JSON.parse(text), remainingMs) !== undefined) return
    throw new Error('A stored control request is not known to this version.')
  }

  function onRequest(message: string, respond: Respond): void {
    const { inbox: sender, number, body, keepMs } = parse(message)
    if (typeof sender !== 'string') throw new Error('A control request lacks its sender.')
    let response: unknown
    try {
      response = respond(body, typeof keepMs === 'number' ? keepMs : 0)
    } finally {
      // Without a body, the hub has refused: its version does not know the request, or it failed.
      publish(sender, JSON.stringify({ number, body: response })).catch(() => {})
    }
  }
}

/** Parses a request or response from a hub, which may have another version. @throws if it is neither */
function parse(message: string): Partial<RequestMessage> & ResponseMessage {
  const parsed: unknown = JSON.parse(message)
  const fields = typeof parsed === 'object' && parsed !== null ? parsed : {}
  if ('number' in fields && typeof fields.number === 'number') {
    return fields as ResponseMessage
  }
  throw new Error('A control message lacks its number.')
}
