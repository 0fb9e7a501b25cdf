/** The messages between the process that holds a journal and those that share it: calls without a result, which any structured clone can carry. */
import type { AddressKeys } from '../../core/address.ts'
import type { HubErrorCode } from '../../core/errors.ts'
import type { HubEvent } from '../../core/event.ts'
import type { ControlResponses } from '../backplane.ts'
import type { JournalStats, ReplayBatch, RetainedBatch } from '../journal.ts'
import type { Once } from '../once.ts'

/** What a process that shares the journal sends. The number of a call is also in its answer. */
export interface ToHolder {
  hello(instance: string): void
  listen(key: string): void
  leave(key: string): void
  /** How many connections of this process listen to a key that it listens to. */
  count(key: string, connections: number): void
  append(call: number, keys: AddressKeys, event: HubEvent, once: Once | undefined): void
  relay(call: number, keys: AddressKeys, event: HubEvent): void
  read(call: number, keys: readonly string[], cursor: string | undefined, maxBytes: number): void
  retained(call: number, keys: readonly string[], after: number, maxBytes: number): void
  useOnce(call: number, name: string, ttlMs: number): void
  request(call: number, body: unknown, keepMs: number, until: 'answered' | undefined): void
  /** The response to a control request. */
  respond(request: number, body: unknown): void
  /** Starts to report clients. */
  follow(graceMs: number): void
  /** A client of this process has its first connection, or no longer one. */
  client(client: string, isConnected: boolean): void
  /** The hub of this process has closed. */
  unfollow(call: number): void
}

/** What the holder sends. */
export interface FromHolder {
  /** The first message. Events after this position are delivered. */
  welcome(epoch: string, sequence: number, sizes: Sizes): void
  /** All control requests that were stored before have been sent. */
  ready(): void
  /** An event at keys that this process listens to; without a sequence, one that is not stored, after the event with another. */
  event(
    keys: AddressKeys,
    sequence: number | undefined,
    frame: Uint8Array,
    after: number | undefined,
  ): void
  /** All events up to this position that this process listens to have been sent. */
  head(sequence: number, sizes: Sizes, instances: number): void
  /** Events up to this position were not sent; without keys, at any address. */
  missed(sequence: number, keys: readonly string[] | undefined): void
  stored(call: number, sequence: number, connections: number, sizes: Sizes, repeated: boolean): void
  batch(call: number, batch: ReplayBatch | RetainedBatch): void
  relayed(call: number, connections: number): void
  used(call: number, isFirst: boolean): void
  responses(call: number, responses: ControlResponses): void
  unfollowed(call: number): void
  failed(call: number, code: HubErrorCode, message: string): void
  /** A control request. Its number is missing if it was stored, and no response is needed. */
  request(request: number | undefined, body: unknown, remainingMs: number): void
  /** The hook to call: a client is online or offline, since a time in milliseconds since 1970. */
  online(client: string, isOnline: boolean, at: number): void
}

/** How many events the journal stores, and their bytes; and those that are retained, if there are any. */
export type Sizes = readonly [events: number, bytes: number, retained?: JournalStats]

/** A message to a process that understands these calls. */
export type MessageOf<Calls> = {
  readonly [Name in keyof Calls]: Calls[Name] extends (...args: infer Args) => void
    ? readonly [name: Name, ...args: Args]
    : never
}[keyof Calls]

/** About how large keys are in a message. */
export function keysLength(keys: AddressKeys): number {
  return typeof keys === 'string' ? keys.length : keys.join().length
}

/** Makes the call that a message asks for. @throws {TypeError} if another version sent it, which knows more calls */
export function perform<Calls extends object>(calls: Calls, message: unknown): void {
  const [name, ...args] = message as readonly [keyof Calls, ...unknown[]]
  const call = calls[name] as (...args: readonly unknown[]) => void
  call(...args)
}

/** A frame whose buffer holds little else: it may wait in queues for longer than the message that it came with. */
export function ownFrame(frame: Uint8Array): Uint8Array {
  return frame.buffer.byteLength > 2 * frame.byteLength ? frame.slice() : frame
}
