/** Batches publishes: events published in one turn of the event loop go to Redis in one call. What is in flight is limited. */
import { type AddressKeys, soleKey } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'
import { positionOf } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import { frameText, type HubEvent } from '../../core/event.ts'
import type { RelayResult } from '../backplane.ts'
import type { AppendResult } from '../journal.ts'
import { checkRetained } from '../keyed-places.ts'
import type { Once } from '../once.ts'
import { unavailable } from '../unavailable.ts'
import { toAppendResult } from './replies.ts'
import { PUBLISH_KEYED, REPLACES, RETAINS } from './scripts/keyed/publish-keyed.ts'
import { RETAINED_IN_REDIS } from './scripts/keyed/retain.ts'
import { PUBLISH } from './scripts/publish.ts'
import { ONCE } from './scripts/publish-once.ts'
import type { Script } from './scripts/script.ts'
import { PUBLISH_SEVERAL } from './scripts/several.ts'

/** What batching needs of the journal. */
export interface PublishBatcherInit {
  readonly clock: Clock
  readonly maxRetainedBytes: number
  /** Runs a script that stores events. */
  store(script: Script, args: readonly string[]): Promise<unknown>
  /** Runs the script `RELAY`. */
  relay(key: string, body: string): Promise<RelayResult>
  /** Runs the script `RELAY_SEVERAL`. @param keys - one per line */
  relaySeveral(keys: string, body: string): Promise<RelayResult>
}

/** Stores events in batches, and relays ephemeral ones. */
export interface PublishBatcher {
  /**
   * @throws {HubError} `journal-unavailable`; `event-too-large` if its copies are, at several addresses, or if it is retained;
   * with `once` also `idempotency-conflict` and `at-capacity`
   */
  append(keys: AddressKeys, event: HubEvent, once?: Once): Promise<AppendResult>
  /** @throws {HubError} `journal-unavailable` */
  relay(keys: AddressKeys, event: HubEvent): Promise<RelayResult>
}

interface Batch {
  /** Stores its events, all of which are of one kind. */
  readonly script: Script
  readonly args: string[]
  readonly reply: Promise<Reply>
  /** Its size so far. */
  events: number
  copies: number
  characters: number
}

/** For each event, how many instances received it; or its whole result, if it is stored once. */
type Reply = readonly [epoch: string, last: number, ...results: (number | string)[]]

/** The maximum number of characters in flight to Redis. Beyond it, publishing fails. */
const MAX_PENDING_CHARACTERS = 67_108_864

/** The maximum number of characters of one event at all of its addresses, each of which stores a copy. */
const MAX_COPIED_CHARACTERS = 67_108_864

/**
 * The size beyond which another call begins, in events, in their copies at all their keys, and approximately in
 * characters: Redis serves nothing else while a call runs. One event is never split.
 */
const MAX_EVENTS = 128
const MAX_COPIES = 1_000
const MAX_CHARACTERS = 262_144

/** Copies in a call from which on the next one waits for its reply, so that Redis serves others in between. */
const MANY_COPIES = 500

/** The maximum size of the line with the id, which Redis adds to a frame. */
const MAX_ID_BYTES = 45

const encoder = new TextEncoder()

/** Creates the batcher of one hub. */
export function createPublishBatcher(init: PublishBatcherInit): PublishBatcher {
  const { clock, maxRetainedBytes, store, relay, relaySeveral } = init
  let open: Batch | undefined
  /** Resolves when the next call may be sent, after that of the batch before. */
  let before: Promise<unknown> | undefined
  let pending = 0
  return {
    append: async (keys, event, once) => {
      const { key, replace, retain } = event
      const text = frameText(event)
      if (retain) {
        const frameBytes = encoder.encode(text).byteLength + MAX_ID_BYTES
        checkRetained(keys, event, { frameBytes, ...RETAINED_IN_REDIS }, maxRetainedBytes)
      }
      const plain = isOne(keys) ? PUBLISH : PUBLISH_SEVERAL
      const script = key === undefined ? plain : PUBLISH_KEYED
      const mark = key === undefined ? '' : retain ? RETAINS : replace ? REPLACES : ' '
      return await inFlight(mark + text, (body) => append(script, keys, body, once))
    },
    relay: (keys, event) => {
      return inFlight(frameText(event), (body) => {
        return (isOne(keys) ? relay : relaySeveral)(textOf(keys), body)
      })
    },
  }

  async function inFlight<T>(body: string, send: (body: string) => Promise<T>): Promise<T> {
    if (pending + body.length > MAX_PENDING_CHARACTERS) {
      throw unavailable('stores events more slowly than they are published')
    }
    pending += body.length
    try {
      return await send(body)
    } finally {
      pending -= body.length
    }
  }

  async function append(
    script: Script,
    keys: AddressKeys,
    body: string,
    once: Once | undefined,
  ): Promise<AppendResult> {
    const { args, events, reply } = batchFor((once && ONCE.get(script)) ?? script, keys, body)
    const index = events - 1
    args.push(textOf(keys), body)
    if (once) args.push(...argumentsOf(once))
    const [epoch, last, ...results] = await reply
    if (once) return toAppendResult(String(results[index]))
    const sequence = last - results.length + 1 + index
    return { instances: Number(results[index]), ...positionOf(epoch, sequence) }
  }

  /** Events of each kind have batches of their own: Redis may refuse those with a key, or for several addresses. */
  function batchFor(script: Script, keys: AddressKeys, { length }: string): Batch {
    const several = !isOne(keys)
    const count = typeof keys === 'string' ? 1 : keys.length
    // Where no pattern is followed, an event for one topic has no copies.
    const size = several ? count * length : length
    if (size > MAX_COPIED_CHARACTERS && several) throw tooLarge(count)
    const batch = open?.script === script && fits(open, count, size) ? open : begin(script)
    batch.events += 1
    batch.copies += count
    batch.characters += size
    return batch
  }

  function begin(script: Script): Batch {
    const args: string[] = []
    const endOfTurn = new Promise<void>((resolve) => clock.soon(resolve))
    const start = before ? Promise.all([endOfTurn, before]) : endOfTurn
    const reply = start.then(() => {
      if (open === batch) open = undefined
      return store(script, [ONCE_SCRIPTS.has(script) ? '' : uniqueKeys(args), ...args])
    })
    const size = { events: 0, copies: 0, characters: 0 }
    const batch: Batch = { script, args, reply: reply as Promise<Reply>, ...size }
    const next = start
      .then(() => (batch.copies < MANY_COPIES ? undefined : reply))
      .catch(() => {})
      .then(() => {
        if (before === next) before = undefined
      })
    before = next
    open = batch
    return batch
  }
}

function fits({ events, copies, characters }: Batch, count: number, size: number): boolean {
  return events < MAX_EVENTS && copies + count <= MAX_COPIES && characters + size <= MAX_CHARACTERS
}

/** Whether the keys are those of one address: of a topic, with those of the patterns that cover it. */
function isOne(keys: AddressKeys): boolean {
  return soleKey(keys) !== undefined
}

/** The keys, one per line. */
function textOf(keys: AddressKeys): string {
  return typeof keys === 'string' ? keys : keys.join('\n')
}

function tooLarge(copies: number): HubError {
  const message = `In Redis, the copies of an event are limited to ${MAX_COPIED_CHARACTERS} characters, and it has ${copies} addresses: send less data, or publish to a topic.`
  return new HubError('event-too-large', message)
}

/** They find out at which keys they store anything. */
const ONCE_SCRIPTS: ReadonlySet<Script> = new Set(ONCE.values())

function argumentsOf({ name, digest, ttlMs, connections }: Once): string[] {
  return [name, digest, String(Math.max(1, Math.ceil(ttlMs))), String(connections)]
}

/** Returns each key of (keys, body)… once, one per line. */
function uniqueKeys(args: readonly string[]): string {
  const keys = args.filter((_, index) => index % 2 === 0).join('\n')
  return [...new Set(keys.split('\n'))].join('\n')
}
